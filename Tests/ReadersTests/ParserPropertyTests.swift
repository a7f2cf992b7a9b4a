import Rows
import Testing

@testable import Readers

/// The fast ways of parsing against the plain ones, on texts made from a seed.
@Suite struct ParserPropertyTests {
  /// SplitMix64.
  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func pick(_ items: [String]) -> String { items[below(items.count)] }
  }

  private func json(_ random: inout Random, _ depth: Int) -> String {
    let space = random.pick(["", "", "", " ", "  ", "\t"])
    switch random.below(depth > 0 ? 9 : 6) {
    case 0: return space + random.pick(["true", "false", "null"]) + space
    case 1: return space + random.pick(["0", "-0", "12", "-7.50", "1e5", "1.25E-07", "12345678901234567890", "0.1", "1e400", "1e299"]) + space
    case 2...5: return space + string(&random) + space
    case 6, 7:
      let members = (0..<random.below(5)).map { _ in "\(space)\(string(&random))\(space):\(json(&random, depth - 1))" }
      return space + "{" + members.joined(separator: ",") + space + "}"
    default: return space + "[" + (0..<random.below(4)).map { _ in json(&random, depth - 1) }.joined(separator: ",") + "]"
    }
  }

  private func string(_ random: inout Random) -> String {
    let parts = ["a", "key", "länger", "日本", "😀", #"\n"#, #"\""#, #"\\"#, #"\u00e9"#, #"\ud83d\ude00"#, #"\/"#, " ", ",", "{", "]", "word and more text "]
    return "\"" + (0..<random.below(6)).map { _ in random.pick(parts) }.joined() + "\""
  }

  /// Damages a text in one place, or not.
  private func damaged(_ text: String, _ random: inout Random) -> [UInt8] {
    var bytes = Array(text.utf8)
    guard random.below(3) == 0, !bytes.isEmpty else { return bytes }
    let at = random.below(bytes.count)
    switch random.below(3) {
    case 0: bytes.remove(at: at)
    case 1: bytes[at] = [0x22, 0x5C, 0x2C, 0x7D, 0x00, 0xFF, 0x20, 0x31, 0x3A][random.below(9)]
    default: bytes.insert([0x22, 0x5C, 0x2C, 0x7B, 0x1F, 0xC3, 0x65, 0x30][random.below(8)], at: at)
    }
    return bytes.filter { $0 != 0x0A }
  }

  @Test(arguments: [UInt64](1...20))
  func jsonIsReadAsTheValidatorReadsIt(seed: UInt64) {
    var random = Random(state: seed)
    var lines: [[UInt8]] = []
    for _ in 0..<200 {
      let members = (0..<random.below(6)).map { index in "\"c\(index)\":\(json(&random, 3))" }
      lines.append(damaged("{" + members.joined(separator: ",") + "}", &random))
    }
    // Invalid UTF-8 anywhere sends the whole chunk the plain way: both ways have to be taken.
    if seed % 2 == 0 { lines = lines.filter { line in line.withUnsafeBytes { UTF8Check.firstError($0) } == nil } }
    let raw = Array(lines.joined(separator: [0x0A]))
    let parsed = RecordParser(context: RecordContext(format: .jsonl, columns: nil, name: nil).encoded).parse(raw)
    var expected: [UInt8] = []
    var bad: [Int] = []
    for (ordinal, line) in lines.filter({ !$0.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }).enumerated() {
      var row: [UInt8] = []
      if (try? line.withUnsafeBytes { try JSONValidator.appendObject($0, to: &row) }) != nil {
        JSONKeys.unescape(&row)
        expected += row + [0x0A]
      } else {
        bad.append(ordinal)
      }
    }
    #expect(parsed.bytes == expected, "seed \(seed)")
    #expect(parsed.bad.map(\.record) == bad, "seed \(seed)")
    #expect(parsed.rowEnds.last.map(Int.init) ?? 0 == parsed.bytes.count)
  }

  @Test(arguments: [UInt64](1...20))
  func csvIsReadAsItsCellsSay(seed: UInt64) {
    var random = Random(state: seed)
    let pieces = ["a", "bc", "word and more", ",", "\"", "\"\"", "\n", "\r\n", "\\", "\t", "é", "日本", "NULL", "", "\u{1}"]
    var text = ""
    for _ in 0..<300 {
      for column in 0..<3 {
        if column > 0 { text += "," }
        let cell = (0..<random.below(4)).map { _ in random.pick(pieces) }.joined()
        switch random.below(8) {
        case 0: text += cell
        default:
          text +=
            cell.contains { ",\"\r\n".contains($0) } || random.below(3) == 0
            ? "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\"" : cell
        }
      }
      text += random.pick(["\n", "\n", "\r\n"])
    }
    let raw = Array(text.utf8)
    let dialect = CSVDialect(null: "NULL")
    let context = RecordContext(format: .csv(dialect), columns: ["a", "b", "c"], name: nil).encoded
    let parser = RecordParser(context: context)
    let parsed = parser.parse(raw)
    var expected: [UInt8] = []
    var bad: [Int] = []
    raw.withUnsafeBytes { raw in
      for (ordinal, range) in parser.recordRanges(in: raw).enumerated() {
        var cells = CSVCells(UnsafeRawBufferPointer(rebasing: raw[range]), dialect)
        var found: [[UInt8]] = []
        var isBad = false
        do {
          while let cell = try cells.next() {
            let text = cells.decoded(cell)
            found.append(!cell.isQuoted && text == Array("NULL".utf8) ? Array("null".utf8) : JSONText.quoted(String(decoding: text, as: UTF8.self)))
          }
        } catch { isBad = true }
        if isBad || found.count != 3 {
          bad.append(ordinal)
        } else {
          expected += Array("{\"a\":".utf8) + found[0] + Array(",\"b\":".utf8) + found[1] + Array(",\"c\":".utf8) + found[2] + Array("}\n".utf8)
        }
      }
    }
    #expect(parsed.bytes == expected, "seed \(seed)")
    #expect(parsed.bad.map(\.record) == bad, "seed \(seed)")
  }

  @Test func keysAreFoundUnderOneSpelling() {
    let raw = Array(#"{"\u0069d":1,"m":{"gr\u00f6\u00dfe":"\u00f6"},"a\/b":"\/","q\"":2}"#.utf8)
    let parsed = RecordParser(context: RecordContext(format: .jsonl, columns: nil, name: nil).encoded).parse(raw)
    #expect(String(decoding: parsed.bytes, as: UTF8.self) == #"{"id":1,"m":{"größe":"\u00f6"},"a/b":"\/","q\"":2}"# + "\n")
  }

  @Test func objectsWithManyKeysAreCheckedForDuplicates() {
    let keys = (0..<5000).map { "\"key\($0)\":\($0)" }
    let context = RecordContext(format: .jsonl, columns: nil, name: nil).encoded
    let good = RecordParser(context: context).parse(Array("{\(keys.joined(separator: ","))}".utf8))
    #expect(good.bad.isEmpty)
    let bad = RecordParser(context: context).parse(Array("{\(keys.joined(separator: ",")),\"key77\":0}".utf8))
    #expect(bad.bad.map(\.message) == ["duplicate key `key77`"])
  }
}
