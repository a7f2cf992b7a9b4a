public import Diagnostics

/// Reads a YAML file into nodes, and says what is wrong with it in words.
///
/// libyaml stops at the first mistake. When the mistake is one that `YAMLTraps` recognizes, the reader masks the value (same
/// length, so that every position stays true) and reads on, so that one run reports all of them and whatever else is wrong.
public enum YAMLReader {
  /// More mistakes of one file than anybody corrects at once.
  static let recoveryLimit = 25
  /// Far above any manifest; positions are kept in 32 bits.
  static let byteLimit = 256 << 20

  /// - Returns: the document, or nil when no sense could be made of it; and errors, warnings and notes in reading order.
  public static func read(_ text: SourceText) -> (document: YAMLDocument?, diagnostics: [Diagnostic]) {
    if text.bytes.count > byteLimit {
      return (nil, [Diagnostic(id: "yaml-size", "the file has more than \(byteLimit >> 20) MiB", at: Place(path: text.path))])
    }
    if let bad = firstInvalidUTF8(text.bytes) {
      return (nil, [YAMLTraps.invalidUTF8(text, at: bad)])
    }
    var input = text.bytes
    var masked: [Range<Int>] = []
    var trapped: [Diagnostic] = []
    while true {
      var builder = YAMLBuilder(text: text, poisoned: masked)
      guard let failure = builder.build(input) else {
        let diagnostics = (trapped + builder.diagnostics).inReadingOrder()
        guard builder.rootIndex >= 0 else {
          if diagnostics.isEmpty {
            return (nil, [Diagnostic(id: "yaml-empty", "the file is empty", at: Place(path: text.path), help: "start with `schema: pipe/v1`")])
          }
          return (nil, diagnostics)
        }
        let document = YAMLDocument(
          text: text, records: builder.records, links: builder.links, rootIndex: builder.rootIndex, poisoned: masked)
        return (document, diagnostics)
      }
      let trap = YAMLTraps.explain(failure, text, input)
      // After a recovery an unexplained error may be our own doing: say only what is certain.
      if masked.isEmpty || trap.isCertain { trapped.append(trap.diagnostic) }
      guard let mask = trap.mask, !mask.isEmpty, masked.count < recoveryLimit, !masked.contains(where: { $0.overlaps(mask) }) else {
        return (nil, (trapped + builder.diagnostics).inReadingOrder())
      }
      masked.append(mask)
      for at in mask where input[at] != UInt8(ascii: "\n") && input[at] != UInt8(ascii: "\r") { input[at] = UInt8(ascii: "x") }
    }
  }

  private static func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    if bytes.allSatisfy({ $0 < 0x80 }) { return nil }
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var consumed = 0
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): consumed += UTF8.width(scalar)
      case .emptyInput: return nil
      case .error: return consumed
      }
    }
  }
}
