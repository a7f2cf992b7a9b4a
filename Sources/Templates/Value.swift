/// A value of the template language, on its way in or out: what Python's `None`, `bool`, `int`, `float`, `str`, `list`, `dict` are to Jinja2.
public struct Value: Sendable {
  /// What kind of value it is.
  public enum Kind: String, Sendable {
    case undefined, none, bool, int, double, string, list, dict, function, other
  }

  enum Storage: Sendable {
    case undefined(name: String, hint: String)
    case none
    case bool(Bool)
    case int(Int, source: [UInt8]?)
    case big(BigInt)
    case double(Double, source: [UInt8]?)
    case string([UInt8], markup: Bool)
    case json([UInt8])  // an array or object, as its text
    case list([Value], tuple: Bool)
    case dict([(key: Value, value: Value)])
    case function(HostFunction)
    case other(String)
  }

  var storage: Storage

  init(_ storage: Storage) { self.storage = storage }

  /// Python's `None`, JSON's `null`.
  public static let none = Value(.none)
  public init(_ b: Bool) { storage = .bool(b) }
  public init(_ i: Int) { storage = .int(i, source: nil) }
  public init(_ d: Double) { storage = .double(d, source: nil) }
  public init(_ s: String) { storage = .string(Array(s.utf8), markup: false) }
  /// A string given as its UTF-8 bytes.
  public init(utf8 bytes: [UInt8]) { storage = .string(bytes, markup: false) }
  public init(_ list: [Value]) { storage = .list(list, tuple: false) }
  /// A dictionary that keeps the order given.
  public init(pairs: [(String, Value)]) { storage = .dict(pairs.map { (Value($0.0), $0.1) }) }

  /// A function that templates can call.
  public init(function name: String, _ body: @escaping HostFunction.Body) {
    storage = .function(HostFunction(name: name, body: body))
  }

  /// The value of a JSON text, or nil when it is not JSON; numbers keep their source text.
  public init?(json: [UInt8]) {
    guard let v = JSONCheck.value(json) else { return nil }
    self = v
  }

  public var kind: Kind {
    switch storage {
    case .undefined: .undefined
    case .none: .none
    case .bool: .bool
    case .int, .big: .int
    case .double: .double
    case .string: .string
    case .json(let b): b.first == UInt8(ascii: "[") ? .list : .dict
    case .list: .list
    case .dict: .dict
    case .function: .function
    case .other: .other
    }
  }

  /// Nothing provides this name or attribute.
  public var isUndefined: Bool { kind == .undefined }
  public var isNone: Bool { kind == .none }

  /// What `if` makes of it, as in Python: empty, zero, `None` and undefined are false.
  public var isTruthy: Bool {
    switch storage {
    case .undefined, .none: false
    case .bool(let b): b
    case .int(let i, _): i != 0
    case .big: true
    case .double(let d, _): d != 0
    case .string(let b, _): !b.isEmpty
    case .json(let b): !(b.count == 2 || JSONCheck.isEmpty(b))
    case .list(let l, _): !l.isEmpty
    case .dict(let d): !d.isEmpty
    case .function, .other: true
    }
  }

  public var bool: Bool? { if case .bool(let b) = storage { b } else { nil } }

  /// An integer that fits a machine word.
  public var int: Int? { if case .int(let i, _) = storage { i } else { nil } }

  /// A number as a double, also when it is an integer.
  public var double: Double? {
    switch storage {
    case .double(let d, _): d
    case .int(let i, _): Double(i)
    case .big(let b): b.toDouble()
    default: nil
    }
  }

  /// A string's bytes in UTF-8.
  public var utf8: [UInt8]? { if case .string(let b, _) = storage { b } else { nil } }

  public var string: String? { utf8.map { String(decoding: $0, as: UTF8.self) } }

  /// The items of a list or tuple.
  public var array: [Value]? {
    switch storage {
    case .list(let l, _): return l
    case .json(let b) where b.first == UInt8(ascii: "["): return JSONCheck.expand(b)?.array
    default: return nil
    }
  }

  /// The entries of a dictionary, in order.
  public var pairs: [(key: Value, value: Value)]? {
    switch storage {
    case .dict(let d): return d
    case .json(let b) where b.first == UInt8(ascii: "{"): return JSONCheck.expand(b)?.pairs
    default: return nil
    }
  }

  /// The value of a dictionary's key.
  public subscript(key: String) -> Value? {
    let wanted = Array(key.utf8)
    return pairs?.first { $0.key.utf8 == wanted }?.value
  }

  /// Appends the value as compact JSON; a number that came from a row untouched keeps its source text. False when it has no JSON form.
  @discardableResult
  public func appendJSON(to out: inout [UInt8]) -> Bool {
    switch storage {
    case .undefined, .function, .other: return false
    case .none: out += "null".utf8
    case .bool(let b): out += (b ? "true" : "false").utf8
    case .int(let i, let source):
      if let source { out += source } else { out += String(i).utf8 }
    case .big(let b): out += b.description.utf8
    case .double(let d, let source):
      if let source { out += source } else if d.isFinite { out += pythonFloat(d).utf8 } else { return false }
    case .string(let b, _): JSONWriter.append(string: b, to: &out)
    case .json(let b): out += b
    case .list(let l, _):
      out.append(UInt8(ascii: "["))
      for (i, v) in l.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        guard v.appendJSON(to: &out) else { return false }
      }
      out.append(UInt8(ascii: "]"))
    case .dict(let d):
      out.append(UInt8(ascii: "{"))
      for (i, e) in d.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        if let key = e.key.utf8 {
          JSONWriter.append(string: key, to: &out)
        } else {
          var key: [UInt8] = []
          switch e.key.kind {
          case .int, .double, .bool, .none: guard e.key.appendJSON(to: &key) else { return false }
          default: return false
          }
          JSONWriter.append(string: key, to: &out)
        }
        out.append(UInt8(ascii: ":"))
        guard e.value.appendJSON(to: &out) else { return false }
      }
      out.append(UInt8(ascii: "}"))
    }
    return true
  }

  /// The text `{{ value }}` prints.
  public var text: String {
    let machine = Machine(environment: EnvironmentBox(options: .jinja2))
    do {
      try machine.emitPlain(try machine.lower(self))
    } catch { return "" }
    return String(decoding: UnsafeBufferPointer(start: machine.out, count: machine.outCount), as: UTF8.self)
  }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral {
  public init(stringLiteral s: String) { self.init(s) }
  public init(integerLiteral i: Int) { self.init(i) }
  public init(floatLiteral d: Double) { self.init(d) }
  public init(booleanLiteral b: Bool) { self.init(b) }
}

/// A function of the host that templates can call by name.
public struct HostFunction: Sendable {
  /// Positional and named arguments in, result out; a thrown `HostError` becomes an error at the call.
  public typealias Body = @Sendable (_ arguments: [Value], _ named: [(name: String, value: Value)]) throws(HostError) -> Value
  public let name: String
  public let body: Body

  public init(name: String, body: @escaping Body) {
    self.name = name
    self.body = body
  }
}

/// What a host function refuses to do.
public struct HostError: Error, Sendable {
  public var message: String
  /// The class name reported; `TypeError` for wrong arguments.
  public var errorClass: String

  public init(_ message: String, errorClass: String = "TemplateRuntimeError") {
    self.message = message
    self.errorClass = errorClass
  }
}

/// Named values that overlay the row: constants, labels, metadata, functions. A copy is cheap.
public struct Bindings: Sendable, ExpressibleByDictionaryLiteral {
  var names: [[UInt8]] = []
  var values: [Value] = []

  public init() {}

  public init(dictionaryLiteral elements: (String, Value)...) {
    for (k, v) in elements { self[k] = v }
  }

  /// Whether a name, given in UTF-8, is bound.
  public func binds(_ name: [UInt8]) -> Bool { names.contains(name) }

  /// The value bound to a name.
  public subscript(name: String) -> Value? {
    get {
      let wanted = Array(name.utf8)
      return names.firstIndex(of: wanted).map { values[$0] }
    }
    set {
      let wanted = Array(name.utf8)
      if let i = names.firstIndex(of: wanted) {
        if let newValue {
          values[i] = newValue
        } else {
          names.remove(at: i)
          values.remove(at: i)
        }
      } else if let newValue {
        names.append(wanted)
        values.append(newValue)
      }
    }
  }
}
