internal import Rows

/// Which side of a split a row falls on.
///
/// Share = first 8 bytes (big-endian) of SHA-256(salt ‖ 0x00 ‖ key text) mod 10⁶, compared with the running sum of the shares in
/// written order, in millionths. With `stratify` the salt is followed by 0x00 and the stratum's text. A row's side depends on nothing
/// but its own key: adding rows moves none, changing a share moves only what lies between.
struct SplitRule: Sendable {
  struct Side: Sendable, Equatable {
    let name: String
    /// Exclusive end in millionths.
    let end: UInt64
  }

  enum Failure: Error, Equatable {
    case missing(column: String)
    case null(column: String)
  }

  static let scale: UInt64 = 1_000_000

  let by: RowKey
  let sides: [Side]
  private let salt: [UInt8]
  private let stratum: RowKey?

  /// - Parameter shares: in written order; their sum is 1.
  init(by: [String], shares: [(name: String, share: Double)], salt: String = "", stratify: String? = nil) {
    self.by = RowKey(columns: by)
    self.salt = Array(salt.utf8)
    stratum = stratify.map { RowKey(columns: [$0]) }
    var sum = 0.0
    var sides: [Side] = []
    for (index, share) in shares.enumerated() {
      sum += share.share
      // The last side ends at the end: thirds given with six digits leave nobody without a side.
      let end = index == shares.count - 1 ? Self.scale : UInt64((min(max(sum, 0), 1) * Double(Self.scale)).rounded())
      sides.append(Side(name: share.name, end: end))
    }
    self.sides = sides
  }

  /// The text of the row's group.
  func key(of row: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] { try Self.text(by, of: row) }

  /// The index of the side that a group of a row falls on.
  func side(key: [UInt8], row: UnsafeRawBufferPointer) throws(Failure) -> Int {
    var text = salt
    if let stratum {
      text.append(0)
      text += try Self.text(stratum, of: row)
    }
    text.append(0)
    text += key
    let share = Digest.of(text).prefix64 % Self.scale
    // The last side ends at the scale, so one is always found.
    return sides.firstIndex { share < $0.end } ?? sides.count - 1
  }

  private static func text(_ key: RowKey, of row: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    do {
      return try key.text(of: row)
    } catch {
      switch error {
      case .missing(let column): throw .missing(column: column)
      case .null(let column): throw .null(column: column)
      }
    }
  }
}

/// Groups that a second column ties together (`keep_together`): two keys that share a cluster fall on one side.
///
/// Only components that hold several keys are kept; every other row is decided by its own key.
struct KeptTogether: Equatable {
  /// Key text to the smallest key text of its component.
  private(set) var representatives: [[UInt8]: [UInt8]] = [:]

  /// The pairs (key, cluster) of one chunk, each once.
  static func partial(_ pairs: Set<Pair>) -> [UInt8] {
    var writer = ByteWriter()
    let sorted = pairs.sorted { ($0.key, $0.cluster) < ($1.key, $1.cluster) }
    writer.number(sorted.count)
    for pair in sorted {
      writer.blob(pair.key)
      writer.blob(pair.cluster)
    }
    return writer.bytes
  }

  struct Pair: Hashable {
    let key: [UInt8]
    let cluster: [UInt8]
  }

  /// The components that all chunks' pairs form, as bytes that depend on the set of pairs only.
  static func merge(_ partials: [[UInt8]]) -> [UInt8] {
    var numbers: [[UInt8]: Int] = [:]
    var parents: [Int] = []
    var clusters: [[UInt8]: Int] = [:]
    func root(_ start: Int) -> Int {
      var at = start
      while parents[at] != at {
        parents[at] = parents[parents[at]]
        at = parents[at]
      }
      return at
    }
    for partial in partials {
      var reader = ByteReader(partial)
      guard let count = try? reader.count() else { continue }
      for _ in 0..<count {
        guard let key = try? reader.blob(), let cluster = try? reader.blob() else { break }
        let number = numbers[key] ?? parents.count
        if number == parents.count {
          numbers[key] = number
          parents.append(number)
        }
        if let other = clusters[cluster] {
          parents[root(number)] = root(other)
        } else {
          clusters[cluster] = number
        }
      }
    }
    var members: [Int: [[UInt8]]] = [:]
    for (key, number) in numbers { members[root(number), default: []].append(key) }
    var entries: [(key: [UInt8], representative: [UInt8])] = []
    for group in members.values where group.count > 1 {
      let smallest = group.min { $0.lexicographicallyPrecedes($1) }!
      entries += group.map { ($0, smallest) }
    }
    entries.sort { $0.key.lexicographicallyPrecedes($1.key) }
    var writer = ByteWriter()
    writer.number(entries.count)
    for entry in entries {
      writer.blob(entry.key)
      writer.blob(entry.representative)
    }
    return writer.bytes
  }

  init(prepared bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    var reader = ByteReader(bytes)
    guard let count = try? reader.count() else { return }
    for _ in 0..<count {
      guard let key = try? reader.blob(), let representative = try? reader.blob() else { return }
      representatives[key] = representative
    }
  }

  func representative(of key: [UInt8]) -> [UInt8] { representatives[key] ?? key }
}

private func < (a: ([UInt8], [UInt8]), b: ([UInt8], [UInt8])) -> Bool {
  a.0 == b.0 ? a.1.lexicographicallyPrecedes(b.1) : a.0.lexicographicallyPrecedes(b.0)
}

/// Which of a split's files a row goes to.
enum ShardRule {
  /// The shard of a row: hash of the row id mod `count`; the id is the key's text, or the content's digest.
  static func shard(of row: UnsafeRawBufferPointer, key: RowKey, count: Int) -> Int {
    guard count > 1 else { return 0 }
    let id: Digest
    if !key.columns.isEmpty, let text = try? key.text(of: row) { id = Digest.of(text) } else { id = Digest.of(row) }
    return Int(id.prefix64 % UInt64(count))
  }

  /// The file of a shard: `train.jsonl` becomes `train-00000-of-00016.jsonl`; the path itself when there is only one.
  static func path(_ path: String, shard: Int, of count: Int) -> String {
    guard count > 1 else { return path }
    func five(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    let mark = "-\(five(shard))-of-\(five(count))"
    let name = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    guard let dot = path[name...].firstIndex(of: "."), dot != name else { return path + mark }
    return path[..<dot] + mark + path[dot...]
  }
}
