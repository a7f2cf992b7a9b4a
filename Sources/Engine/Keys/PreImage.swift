package import Rows

/// What a key is made of, part by part: kept beside the key so that `pipe explain` can say which part changed.
///
/// The encoding is typed and length-prefixed: no two lists of parts have the same bytes. Values are short texts a person can read:
/// a field's canonical JSON, `sha256:…` of a file's or table's content.
package struct PreImage: Sendable, Equatable {
  package struct Part: Sendable, Equatable {
    /// `kind`, `field where`, `file template`, `input from` …
    package let name: String
    package let value: String
  }

  package private(set) var parts: [Part] = []

  package init() {}

  package mutating func add(_ name: String, _ value: String) { parts.append(Part(name: name, value: value)) }
  package mutating func add(_ name: String, _ digest: Digest) { add(name, digest.description) }

  package func encode() -> [UInt8] {
    var writer = ByteWriter()
    // Raised when the meaning of keys changes as a whole: every earlier result is then out of reach.
    writer.text("pipe-key-1")
    writer.number(parts.count)
    for part in parts {
      writer.text(part.name)
      writer.text(part.value)
    }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    guard try reader.text() == "pipe-key-1" else { throw ByteReader.Malformed() }
    for _ in 0..<(try reader.count()) { add(try reader.text(), try reader.text()) }
  }

  /// The key.
  package var digest: Digest { Digest.of(encode()) }

  /// Parts that differ between an older pre-image and this one: (name, old value, new value), in this one's order.
  package func changes(since old: PreImage) -> [(name: String, old: String?, new: String?)] {
    // A name may stand there more than once (two template files): the first is compared with the first.
    var before: [String: [String]] = [:]
    for part in old.parts { before[part.name, default: []].append(part.value) }
    var met: [String: Int] = [:]
    var changes: [(String, String?, String?)] = []
    for part in parts {
      let place = met[part.name, default: 0]
      met[part.name] = place + 1
      let was = before[part.name].flatMap { place < $0.count ? $0[place] : nil }
      if was != part.value { changes.append((part.name, was, part.value)) }
    }
    var seen: [String: Int] = [:]
    for part in old.parts {
      let place = seen[part.name, default: 0]
      seen[part.name] = place + 1
      if place >= met[part.name, default: 0] { changes.append((part.name, part.value, nil)) }
    }
    return changes
  }
}
