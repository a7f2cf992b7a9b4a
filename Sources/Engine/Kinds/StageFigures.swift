internal import Rows
internal import Templates

/// Numbers and words under names, in the order recorded: what a stage measured, beside the counts it added up.
///
/// A task of `reduce` or `wholeInput` work records them once ([`TaskWriter.record(_:)`](doc:TaskWriter)); they are part of its cached
/// result, so everything in them is as deterministic as rows are. `expect` sees each name at the top as a value, and what is below it by
/// dot or bracket: `accuracy`, `f1['refund']`, `drift.lang.psi`, `latency.p95`.
public struct StageFigures: Sendable, Equatable {
  public indirect enum Value: Sendable, Equatable {
    case integer(Int)
    /// Written as the shortest text that reads back; one that is not finite is null, and so `none` to `expect`.
    case real(Double)
    case text(String)
    case nested(StageFigures)
    case null
  }

  public private(set) var entries: [(name: String, value: Value)] = []

  public init() {}

  public static func == (a: StageFigures, b: StageFigures) -> Bool { a.entries.elementsEqual(b.entries) { $0.name == $1.name && $0.value == $1.value } }

  public var isEmpty: Bool { entries.isEmpty }

  /// The value under a name. Setting one that is there replaces it in place.
  public subscript(name: String) -> Value? {
    get { entries.first { $0.name == name }?.value }
    set {
      let place = entries.firstIndex { $0.name == name }
      switch (newValue, place) {
      case (let value?, let place?): entries[place].value = value
      case (let value?, nil): entries.append((name, value))
      case (nil, let place?): entries.remove(at: place)
      case (nil, nil): break
      }
    }
  }

  /// Adds a figure whose name is not there yet, without looking.
  public mutating func append(_ name: String, _ value: Value) { entries.append((name, value)) }

  /// The number at the end of a way of names, if there is one: `number("latency", "p95")`.
  public func number(_ way: String...) -> Double? {
    var at = Value.nested(self)
    for name in way {
      guard case .nested(let figures) = at, let next = figures[name] else { return nil }
      at = next
    }
    switch at {
    case .integer(let integer): return Double(integer)
    case .real(let real): return real
    case .text, .nested, .null: return nil
    }
  }

  /// All figures at the ends of ways, with the names on the way joined by dots.
  public var leaves: [(name: String, value: Value)] {
    var found: [(String, Value)] = []
    for entry in entries {
      guard case .nested(let figures) = entry.value else {
        found.append((entry.name, entry.value))
        continue
      }
      for leaf in figures.leaves { found.append(("\(entry.name).\(leaf.name)", leaf.value)) }
    }
    return found
  }

  // MARK: JSON

  /// Compact JSON; what is kept.
  public var json: [UInt8] {
    var out: [UInt8] = []
    append(to: &out)
    return out
  }

  private func append(to out: inout [UInt8]) {
    out.append(UInt8(ascii: "{"))
    for (at, entry) in entries.enumerated() {
      if at > 0 { out.append(UInt8(ascii: ",")) }
      JSONText.append(entry.name, to: &out)
      out.append(UInt8(ascii: ":"))
      switch entry.value {
      case .integer(let integer): out += String(integer).utf8
      case .real(let real): out += (real.isFinite ? "\(real)" : "null").utf8
      case .text(let text): JSONText.append(text, to: &out)
      case .nested(let figures): figures.append(to: &out)
      case .null: out += "null".utf8
      }
    }
    out.append(UInt8(ascii: "}"))
  }

  /// Reads what ``json`` wrote; nil for anything else.
  public init?(json: [UInt8]) {
    guard let value = Templates.Value(json: json), let read = StageFigures(value) else { return nil }
    self = read
  }

  private init?(_ value: Templates.Value) {
    guard let pairs = value.pairs else { return nil }
    for pair in pairs {
      guard let name = pair.key.string else { return nil }
      let read: Value
      switch pair.value.kind {
      case .int:
        guard let integer = pair.value.int else { return nil }
        read = .integer(integer)
      case .double: read = .real(pair.value.double ?? .nan)
      case .string: read = .text(pair.value.string ?? "")
      case .dict:
        guard let figures = StageFigures(pair.value) else { return nil }
        read = .nested(figures)
      case .none: read = .null
      case .bool, .list, .undefined, .function, .other: return nil
      }
      entries.append((name, read))
    }
  }
}
