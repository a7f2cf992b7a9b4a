/// Turns texts into hashed n-grams: the words that follow each other, and the characters within reach of each other.
///
/// Texts are folded first: letters in lower case (Latin, Greek and Cyrillic, by a table of ours, because the standard library's Unicode
/// tables differ between systems), everything that is no letter or digit a space, each Chinese, Japanese or Korean character a word.
struct TextFeatures {
  /// Up to how many words make one feature; 0 for none.
  let words: Int
  /// Up to how many characters make one feature, from 3 on; below 3 for none.
  let characters: Int
  /// How many buckets features are hashed into.
  let buckets: Int

  init(_ features: TextClassifier.Features) {
    words = features.words
    characters = features.characters
    buckets = features.buckets
  }

  /// A feature's bucket, and where its text stands in ``Extraction/folded``.
  struct Occurrence {
    var bucket: UInt32
    var start: UInt32
    var count: UInt32
    /// More of the hash, so that two features of one bucket are told apart; 0 for characters.
    var wordCheck: UInt32
  }

  /// What stands behind this many bytes of a field is not looked at: a class shows early, and memory stays in proportion to rows.
  static let maxFieldBytes = 8192

  /// What one text holds; reused between texts.
  struct Extraction {
    fileprivate(set) var folded: [UInt8] = []
    fileprivate(set) var occurrences: [Occurrence] = []
    fileprivate var starts: [(start: Int, end: Int)] = []

    mutating func removeAll() {
      folded.removeAll(keepingCapacity: true)
      occurrences.removeAll(keepingCapacity: true)
    }
  }

  /// Adds the features of one field; n-grams never span two fields.
  func extract(_ field: UnsafeRawBufferPointer, into extraction: inout Extraction) {
    let begin = extraction.folded.count
    let field = UnsafeRawBufferPointer(rebasing: field.prefix(Self.maxFieldBytes))
    extraction.starts.removeAll(keepingCapacity: true)
    Self.fold(field, into: &extraction.folded, words: &extraction.starts)
    let starts = extraction.starts
    let folded = extraction.folded
    folded.withUnsafeBufferPointer { bytes in
      for first in starts.indices {
        var hash = Self.wordSeed
        var at = starts[first].start
        for last in first..<min(first + words, starts.count) {
          while at < starts[last].end {
            hash = (hash ^ UInt64(bytes[at])) &* Self.prime
            at += 1
          }
          add(hash, starts[first].start, starts[last].end, isWords: true, &extraction)
        }
      }
      guard characters >= 3 else { return }
      var first = begin
      while first < bytes.count {
        var hash = Self.characterSeed
        var at = first
        var length = 0
        while at < bytes.count, length < characters {
          let end = at + Self.width(bytes[at])
          while at < end {
            hash = (hash ^ UInt64(bytes[at])) &* Self.prime
            at += 1
          }
          length += 1
          if length >= 3 { add(hash, first, at, isWords: false, &extraction) }
        }
        first += Self.width(bytes[first])
      }
    }
  }

  private func add(_ hash: UInt64, _ start: Int, _ end: Int, isWords: Bool, _ extraction: inout Extraction) {
    // FNV's low bits are weak: mixed before they choose a bucket (Murmur3's last step).
    var h = hash
    h = (h ^ (h >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    h = (h ^ (h >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    h ^= h >> 33
    extraction.occurrences.append(
      Occurrence(
        bucket: UInt32(truncatingIfNeeded: h.multipliedFullWidth(by: UInt64(buckets)).high), start: UInt32(truncatingIfNeeded: start),
        count: UInt32(truncatingIfNeeded: end - start), wordCheck: isWords ? UInt32(truncatingIfNeeded: h) | 1 : 0))
  }

  private static let prime: UInt64 = 0x100_0000_01B3
  private static let wordSeed: UInt64 = 0xCBF2_9CE4_8422_2325
  private static let characterSeed: UInt64 = 0x8422_2325_CBF2_9CE4

  private static func width(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  // MARK: folding

  /// Appends a text's words, each with a space before and after, and notes where they are. Invalid UTF-8 is a space.
  private static func fold(_ text: UnsafeRawBufferPointer, into out: inout [UInt8], words: inout [(start: Int, end: Int)]) {
    out.append(0x20)
    var wordStart = out.count
    func endWord(_ out: inout [UInt8], _ words: inout [(start: Int, end: Int)], _ start: inout Int) {
      if out.count > start {
        words.append((start, out.count))
        out.append(0x20)
        start = out.count
      }
    }
    var at = 0
    while at < text.count {
      let byte = text[at]
      if byte < 0x80 {
        at += 1
        switch byte {
        case 0x61...0x7A, 0x30...0x39: out.append(byte)
        case 0x41...0x5A: out.append(byte | 0x20)
        default: endWord(&out, &words, &wordStart)
        }
        continue
      }
      guard let (scalar, length) = TextFolding.scalar(text, at: at) else {
        at += 1
        endWord(&out, &words, &wordStart)
        continue
      }
      at += length
      switch TextFolding.kind(scalar) {
      case .space: endWord(&out, &words, &wordStart)
      case .letter: TextFolding.append(TextFolding.lowercase(scalar), to: &out)
      case .word:
        endWord(&out, &words, &wordStart)
        TextFolding.append(scalar, to: &out)
        endWord(&out, &words, &wordStart)
      }
    }
    endWord(&out, &words, &wordStart)
  }
}
