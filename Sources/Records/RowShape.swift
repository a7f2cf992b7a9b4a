public import Rows

/// What the values at one place of many rows look like, for descriptions of data sets.
public struct RowShape: Sendable, Equatable {
  public enum Scalar: Int, Sendable, CaseIterable { case boolean, integer, number, string }

  /// The scalars met.
  public private(set) var scalars: Set<Scalar> = []
  /// The members of the objects met, in the order first met.
  public private(set) var members: [(name: String, shape: RowShape)] = []
  /// The items of the lists met; an array of none or one, since a shape cannot hold itself.
  private var itemShapes: [RowShape] = []
  public private(set) var isList = false
  public private(set) var isObject = false
  private var places: [String: Int] = [:]

  public init() {}

  public static func == (a: RowShape, b: RowShape) -> Bool {
    a.scalars == b.scalars && a.isList == b.isList && a.isObject == b.isObject && a.itemShapes == b.itemShapes
      && a.members.elementsEqual(b.members) { $0.name == $1.name && $0.shape == $1.shape }
  }

  public var items: RowShape? { itemShapes.first }

  /// Takes in a compact JSON value.
  public mutating func add(_ value: UnsafeRawBufferPointer) {
    switch value.first {
    case UInt8(ascii: "{"):
      isObject = true
      JSONScanner.forEachField(value) { key, range in
        let name = String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: value[key])), as: UTF8.self)
        let place = places[name] ?? members.count
        if place == members.count {
          places[name] = place
          members.append((name, RowShape()))
        }
        members[place].shape.add(UnsafeRawBufferPointer(rebasing: value[range]))
        return true
      }
    case UInt8(ascii: "["):
      isList = true
      if itemShapes.isEmpty { itemShapes = [RowShape()] }
      var at = 1
      while at < value.count, value[at] != UInt8(ascii: "]") {
        let end = JSONScanner.skipValue(value, at: at)
        itemShapes[0].add(UnsafeRawBufferPointer(rebasing: value[at..<end]))
        at = end + 1
      }
    case UInt8(ascii: "\""): scalars.insert(.string)
    case UInt8(ascii: "t"), UInt8(ascii: "f"): scalars.insert(.boolean)
    case UInt8(ascii: "n"), nil: break
    default: scalars.insert(value.contains { ".eE".utf8.contains($0) } ? .number : .integer)
    }
  }

  /// A row as a value, for files whose rows have been looked at as a whole.
  public mutating func add(_ row: [UInt8]) { row.withUnsafeBytes { add($0) } }
}
