public import Diagnostics

/// The value of a field after `${…}` was evaluated, with its place in the manifest.
public struct Setting: Sendable {
  public indirect enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    case list([Setting])
    /// In written order.
    case map([Entry])
    /// `${stages.S.P}` (several for `${stages.S[*]}` of a matrix stage).
    case stages([PortReference])
  }

  /// One entry of a map.
  public struct Entry: Sendable {
    public let name: String
    public let nameRange: SourceRange?
    public let setting: Setting
    public init(name: String, nameRange: SourceRange?, setting: Setting) {
      self.name = name
      self.nameRange = nameRange
      self.setting = setting
    }
  }

  public let value: Value
  public let range: SourceRange?
  /// Operands that `${…}` put into a text that is itself code (a row template or expression): the text holds their names.
  let operands: [(name: String, value: Value)]
  /// The way from the text's bytes back to the manifest, when the text is code.
  let code: RowCode?

  public init(_ value: Value, range: SourceRange?) {
    self.init(value, range: range, operands: [], code: nil)
  }

  init(_ value: Value, range: SourceRange?, operands: [(name: String, value: Value)], code: RowCode?) {
    self.value = value
    self.range = range
    self.operands = operands
    self.code = code
  }

  public var text: String? { if case .text(let text) = value { text } else { nil } }
  public var bool: Bool? { if case .bool(let bool) = value { bool } else { nil } }
  public var int: Int? { if case .int(let int) = value { int } else { nil } }
  /// A number of either kind.
  public var double: Double? {
    switch value {
    case .double(let double): double
    case .int(let int): Double(int)
    default: nil
    }
  }
  public var list: [Setting]? { if case .list(let list) = value { list } else { nil } }
  public var map: [Entry]? { if case .map(let map) = value { map } else { nil } }

  /// One value or a list of values, as a list.
  public var oneOrMany: [Setting] { list ?? [self] }

  /// The entry of a map.
  public subscript(name: String) -> Setting? { map?.first { $0.name == name }?.setting }

  /// The texts of a text or a list of texts.
  public var texts: [String] { oneOrMany.compactMap(\.text) }

  /// A problem with this value.
  public func problem(_ id: String, _ message: String, label: String = "", help: String? = nil) -> Diagnostic {
    let found = Diagnostic(.error, id: id, message, at: range?.place, label: label)
    return help.map { found.noting("help", $0) } ?? found
  }
}
