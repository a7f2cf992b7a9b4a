import Lineage
import Rows

/// Which fields of two rows differ, down to the members of objects and lists that have the same shape.
enum FieldDiff {
  /// Deeper than this a value is compared as a whole.
  private static let maximumDepth = 6

  static func changes(_ before: [UInt8], _ after: [UInt8]) -> [DiffModel.FieldChange] {
    var changes: [DiffModel.FieldChange] = []
    compare(before, after, path: "", depth: 0, &changes)
    return changes
  }

  private static func compare(_ before: [UInt8], _ after: [UInt8], path: String, depth: Int, _ changes: inout [DiffModel.FieldChange]) {
    if before == after { return }
    if depth < maximumDepth, before.first == UInt8(ascii: "{"), after.first == UInt8(ascii: "{") {
      let old = members(before)
      let new = members(after)
      let values = Dictionary(old, uniquingKeysWith: { first, _ in first })
      for (name, value) in new {
        let whole = path.isEmpty ? name : path + "." + name
        guard let was = values[name] else {
          changes.append(.init(path: whole, before: nil, after: text(value)))
          continue
        }
        compare(was, value, path: whole, depth: depth + 1, &changes)
      }
      let names = Set(new.map(\.0))
      for (name, value) in old where !names.contains(name) { changes.append(.init(path: path.isEmpty ? name : path + "." + name, before: text(value), after: nil)) }
      return
    }
    if depth < maximumDepth, before.first == UInt8(ascii: "["), after.first == UInt8(ascii: "[") {
      let old = items(before)
      let new = items(after)
      if old.count == new.count {
        for (index, pair) in zip(old, new).enumerated() { compare(pair.0, pair.1, path: "\(path)[\(index)]", depth: depth + 1, &changes) }
        return
      }
    }
    changes.append(.init(path: path, before: text(before), after: text(after)))
  }

  static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The members of a compact object, in order.
  static func members(_ object: [UInt8]) -> [(String, [UInt8])] {
    object.withUnsafeBytes { raw in
      var found: [(String, [UInt8])] = []
      JSONScanner.forEachField(raw) { key, value in
        found.append((String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: raw[key])), as: UTF8.self), Array(raw[value])))
        return true
      }
      return found
    }
  }

  /// The items of a compact list, in order.
  static func items(_ list: [UInt8]) -> [[UInt8]] {
    list.withUnsafeBytes { raw in
      var found: [[UInt8]] = []
      var at = 1
      while at < raw.count, raw[at] != UInt8(ascii: "]") {
        let end = JSONScanner.skipValue(raw, at: at)
        found.append(Array(raw[at..<end]))
        at = end + 1
      }
      return found
    }
  }
}
