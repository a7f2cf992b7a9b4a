import Foundation

/// Support tickets as JSON Lines, about 900 bytes a row; equal seeds give equal bytes.
struct TicketRows {
  private var state: UInt64
  private static let words = """
    card payment transfer account pending refund declined charge balance exchange rate limit verify identity passcode lost stolen delivery \
    estimate fee cash withdrawal merchant statement currency virtual terminate beneficiary café naïve “quoted” \\\\path question answer please \
    help urgent why when how much does it take yesterday today
    """.split(separator: " ").map(String.init)

  init(seed: UInt64 = 1) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func random(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(truncatingIfNeeded: (state >> 33) % UInt64(bound))
  }

  private mutating func text(_ count: Int) -> String { (0..<count).map { _ in Self.words[random(Self.words.count)] }.joined(separator: " ") }

  /// The next row, without its newline.
  mutating func row(_ number: Int, of count: Int) -> String {
    let body = text(40 + random(80))
    let tags = (0..<random(5)).map { _ in "\"\(Self.words[random(30)])\"" }.joined(separator: ", ")
    let id = String(number)
    return """
      {"ticket_id": "T\(String(repeating: "0", count: max(0, 8 - id.count)))\(id)", "customer_id": "C\(random(count / 5 + 1))", \
      "channel": "\(["email", "chat", "phone"][random(3)])", "priority": \(1 + random(5)), "amount": \(Double(random(500_000)) / 100), \
      "subject": "\(text(6))", "body": "\(body)", "tags": [\(tags)], "label": "intent_\(random(77))", \
      "meta": {"lang": "en", "score": \(Double(random(1_000_000)) / 1_000_000), "vip": \(random(10) == 0)}}
      """
  }

  static func write(_ count: Int, to path: String) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
      throw BenchError.unusable("cannot write \(path)")
    }
    var rows = TicketRows()
    var buffer = Data()
    for number in 0..<count {
      buffer.append(contentsOf: rows.row(number, of: count).utf8)
      buffer.append(0x0A)
      if buffer.count > 4 << 20 {
        try file.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
      }
    }
    try file.write(contentsOf: buffer)
    try file.close()
  }
}
