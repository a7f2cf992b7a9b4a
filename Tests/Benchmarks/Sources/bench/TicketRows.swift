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

  /// The next row as a line of CSV: nine columns, some cells quoted.
  mutating func line(_ number: Int, of count: Int) -> String {
    let body = text(40 + random(80)).replacingOccurrences(of: "\\\\", with: "\\")
    return
      "T\(number),C\(random(count / 5 + 1)),\(["email", "chat", "phone"][random(3)]),\(1 + random(5)),\(Double(random(500_000)) / 100),\(text(6)),\"\(body), \"\"quoted\"\"\",intent_\(random(77)),\(random(10) == 0)"
  }

  static func writeCSV(_ count: Int, to path: String) throws {
    var rows = TicketRows()
    try Lines.write(to: path, count, head: "ticket_id,customer_id,channel,priority,amount,subject,body,label,vip") { rows.line($0, of: count) }
  }

  /// An archive (ustar) of small texts in folders of a thousand; returns the bytes of the texts.
  static func writeTar(_ count: Int, to path: String) throws -> Int {
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
      throw BenchError.unusable("cannot write \(path)")
    }
    var rows = TicketRows()
    var buffer = Data()
    var total = 0
    for number in 0..<count {
      let text = Array((rows.text(20 + rows.random(60)) + "\n").utf8)
      total += text.count
      buffer.append(contentsOf: header("files/d\(number / 1_000)/f\(number).txt", bytes: text.count))
      buffer.append(contentsOf: text)
      buffer.append(contentsOf: [UInt8](repeating: 0, count: (512 - text.count % 512) % 512))
      if buffer.count > 4 << 20 {
        try file.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
      }
    }
    buffer.append(contentsOf: [UInt8](repeating: 0, count: 1_024))
    try file.write(contentsOf: buffer)
    try file.close()
    return total
  }

  private static func header(_ name: String, bytes: Int) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ at: Int) { header.replaceSubrange(at..<at + text.utf8.count, with: text.utf8) }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, 0)
    put(octal(0o644, 7), 100)
    put(octal(0, 7), 108)
    put(octal(0, 7), 116)
    put(octal(bytes, 11), 124)
    put(octal(1_700_000_000, 11), 136)
    put("        ", 148)
    put("0", 156)
    put("ustar", 257)
    put("00", 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6), 148)
    header[154] = 0
    return header
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
