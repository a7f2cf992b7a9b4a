public import Diagnostics

/// A YAML file as positioned nodes: aliases followed, merge keys applied, keys unique, every node with its bytes in the file.
///
/// Nodes are records in one array; a `Node` is an index into it. That keeps reading a 10,000-stage manifest in the tens of milliseconds.
public final class YAMLDocument: Sendable {
  public let text: SourceText
  let records: [NodeRecord]
  /// Children of sequences, and key, value, key, value of mappings.
  let links: [Int32]
  let rootIndex: Int32
  /// Parts of the file that have already been complained about; nodes that touch them are not judged again.
  let poisoned: [Range<Int>]

  init(text: SourceText, records: [NodeRecord], links: [Int32], rootIndex: Int32, poisoned: [Range<Int>]) {
    self.text = text
    self.records = records
    self.links = links
    self.rootIndex = rootIndex
    self.poisoned = poisoned
  }

  /// The document's value.
  public var root: Node { Node(document: self, index: rootIndex) }
}

struct NodeRecord: Sendable {
  var shape: Node.Shape
  var style: Node.Style
  var scalarKind: Node.ScalarKind
  /// Byte offsets in the file, without anchor and tag.
  var start: UInt32
  var end: UInt32
  var firstLink: Int32 = 0
  var linkCount: Int32 = 0
  /// How many nodes this stands for when every alias is written out.
  var weight: UInt32 = 1
  var scalar: String = ""
  var isPoisoned = false
}

/// One value of a YAML file: a scalar, a sequence or a mapping.
public struct Node: Sendable {
  public enum Shape: UInt8, Sendable { case scalar, sequence, mapping }

  public enum Style: UInt8, Sendable { case plain, singleQuoted, doubleQuoted, literal, folded, block, flow }

  /// What YAML 1.2's core schema makes of a plain scalar. Quoted and block scalars are strings.
  public enum ScalarKind: UInt8, Sendable { case null, bool, int, float, string }

  public let document: YAMLDocument
  let index: Int32

  var record: NodeRecord { document.records[Int(index)] }

  public var shape: Shape { document.records[Int(index)].shape }
  public var style: Style { document.records[Int(index)].style }
  public var scalarKind: ScalarKind { document.records[Int(index)].scalarKind }

  /// A scalar's text, decoded (escapes, folding); numbers and booleans as written. Empty for collections.
  public var scalar: String { document.records[Int(index)].scalar }

  /// True when something that has been reported makes this value meaningless.
  public var isPoisoned: Bool {
    if document.records[Int(index)].isPoisoned { return true }
    if document.poisoned.isEmpty { return false }
    let record = document.records[Int(index)]
    let (start, end) = (Int(record.start), Int(record.end))
    // A collection around a masked value is sound itself.
    if record.shape != .scalar { return document.poisoned.contains { $0.lowerBound <= start && end <= $0.upperBound } }
    return document.poisoned.contains { $0.lowerBound < end && start < $0.upperBound }
  }

  /// True when something inside has been reported as a mistake of YAML: its shape says nothing then.
  var holdsPoison: Bool {
    if document.poisoned.isEmpty { return false }
    let range = byteRange
    return document.poisoned.contains { $0.overlaps(range) }
  }

  public var byteRange: Range<Int> { Int(document.records[Int(index)].start)..<Int(document.records[Int(index)].end) }

  public var range: SourceRange { document.text.range(byteRange) }

  public var isNull: Bool { shape == .scalar && scalarKind == .null }
  public var isMapping: Bool { shape == .mapping }
  public var isSequence: Bool { shape == .sequence }
  public var isScalar: Bool { shape == .scalar }

  /// How many items or entries.
  public var count: Int {
    let links = Int(document.records[Int(index)].linkCount)
    return shape == .mapping ? links / 2 : links
  }

  /// An item of a sequence.
  public func item(_ at: Int) -> Node {
    Node(document: document, index: document.links[Int(document.records[Int(index)].firstLink) + at])
  }

  /// The items of a sequence; nothing for other shapes.
  public var items: [Node] { isSequence ? (0..<count).map(item) : [] }

  /// An entry of a mapping.
  public func entry(_ at: Int) -> (key: Node, value: Node) {
    let first = Int(document.records[Int(index)].firstLink) + 2 * at
    return (Node(document: document, index: document.links[first]), Node(document: document, index: document.links[first + 1]))
  }

  /// The entries of a mapping in the order written; nothing for other shapes.
  public var entries: [(key: Node, value: Node)] { isMapping ? (0..<count).map(entry) : [] }

  /// The value under a key, looked for from the start: for mappings of a few entries.
  public subscript(key: String) -> Node? {
    guard isMapping else { return nil }
    for at in 0..<count {
      let (name, value) = entry(at)
      if name.scalar == key { return value }
    }
    return nil
  }
}
