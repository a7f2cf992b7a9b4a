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
      let length = byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0
      guard length > 0, at + length <= text.count else {
        at += 1
        endWord(&out, &words, &wordStart)
        continue
      }
      var scalar = UInt32(byte) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
      var isValid = true
      for step in 1..<length {
        let next = text[at + step]
        if next & 0xC0 != 0x80 { isValid = false }
        scalar = scalar << 6 | UInt32(next & 0x3F)
      }
      guard isValid else {
        at += 1
        endWord(&out, &words, &wordStart)
        continue
      }
      at += length
      switch kind(scalar) {
      case .space: endWord(&out, &words, &wordStart)
      case .letter: append(lowercase(scalar), to: &out)
      case .word:
        endWord(&out, &words, &wordStart)
        append(scalar, to: &out)
        endWord(&out, &words, &wordStart)
      }
    }
    endWord(&out, &words, &wordStart)
  }

  private enum Kind { case space, letter, word }

  private static func kind(_ scalar: UInt32) -> Kind {
    switch scalar {
    case 0x80...0xA9, 0xAB...0xB4, 0xB6...0xB9, 0xBB...0xBF, 0xD7, 0xF7: .space
    case 0x2000...0x2BFF, 0x2E00...0x2E7F, 0x3000...0x3004, 0x3008...0x3020, 0xFE10...0xFE6F, 0xFEFF...0xFF0F: .space
    case 0x3040...0x30FF, 0x3400...0x9FFF, 0xAC00...0xD7AF, 0xF900...0xFAFF, 0x20000...0x3FFFF: .word
    default: .letter
    }
  }

  private static func lowercase(_ scalar: UInt32) -> UInt32 {
    switch scalar {
    case 0xC0...0xDE: scalar + 0x20
    case 0x100...0x12F, 0x132...0x137, 0x14A...0x177, 0x1E00...0x1E95, 0x1EA0...0x1EFF, 0x460...0x481, 0x48A...0x4BF, 0x4D0...0x52F: scalar | 1
    case 0x139...0x148, 0x179...0x17E: scalar + (scalar & 1)
    case 0x178: 0xFF
    case 0x391...0x3AB: scalar + 0x20
    case 0x386: 0x3AC
    case 0x388...0x38A: scalar + 0x25
    case 0x38C: 0x3CC
    case 0x38E, 0x38F: scalar + 0x3F
    case 0x400...0x40F: scalar + 0x50
    case 0x410...0x42F: scalar + 0x20
    case 0x531...0x556: scalar + 0x30
    case 0xFF21...0xFF3A: scalar + 0x20
    default: scalar
    }
  }

  private static func append(_ scalar: UInt32, to out: inout [UInt8]) {
    if scalar < 0x800 {
      out.append(0xC0 | UInt8(scalar >> 6))
    } else if scalar < 0x10000 {
      out.append(0xE0 | UInt8(scalar >> 12))
      out.append(0x80 | UInt8(scalar >> 6 & 0x3F))
    } else {
      out.append(0xF0 | UInt8(scalar >> 18))
      out.append(0x80 | UInt8(scalar >> 12 & 0x3F))
      out.append(0x80 | UInt8(scalar >> 6 & 0x3F))
    }
    out.append(0x80 | UInt8(scalar & 0x3F))
  }
}
