internal import Rows

/// How much text an example may hold, and what happens to one that holds more.
struct TextLimit: Sendable {
  enum Counter: String, Sendable, CaseIterable {
    /// Runs of anything but white space.
    case words
    /// Unicode code points.
    case chars
    /// Bytes of UTF-8.
    case bytes
  }

  enum TooLong: String, Sendable, CaseIterable {
    case error
    case drop
    case truncateAtTurn = "truncate-at-turn"
  }

  /// An estimate that needs nobody's tokenizer: four bytes of English text are about one token.
  static let usualCounter = "bytes/4"

  let maximum: Int
  let counter: Counter
  /// `bytes/4` counts a fourth of the bytes, rounded up.
  let divisor: Int
  let tooLong: TooLong

  /// What a count of units comes to.
  func tokens(_ count: Int) -> Int { (count + divisor - 1) / divisor }

  func isOver(_ count: Int) -> Bool { tokens(count) > maximum }

  /// `bytes/4`
  var description: String { divisor == 1 ? counter.rawValue : "\(counter.rawValue)/\(divisor)" }

  /// The size of a text.
  func count(_ text: some Sequence<UInt8>) -> Int {
    switch counter {
    case .bytes: return text.reduce(0) { sum, _ in sum + 1 }
    case .chars: return text.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    case .words:
      var words = 0
      var isInside = false
      for scalar in String(decoding: Array(text), as: UTF8.self).unicodeScalars {
        let isSpace = scalar.properties.isWhitespace
        if !isSpace, !isInside { words += 1 }
        isInside = !isSpace
      }
      return words
    }
  }

  /// What a message says: its text or text parts, and the names and arguments of its calls. Images count nothing.
  func count(message: JSONView) -> Int {
    var sum = 0
    for (name, value) in message.fields {
      switch name {
      case "content": sum += count(content: value)
      case "tool_calls":
        for call in value.items {
          for (key, function) in call.fields where key == "function" {
            for (_, text) in function.fields where text.kind == .string { sum += count(JSONText.decoded(text.bytes)) }
          }
        }
      default: continue
      }
    }
    return sum
  }

  private func count(content: JSONView) -> Int {
    switch content.kind {
    case .string: return count(JSONText.decoded(content.bytes))
    case .array:
      return content.items.reduce(0) { sum, part in
        sum + part.fields.reduce(0) { $1.name == "text" && $1.value.kind == .string ? $0 + count(JSONText.decoded($1.value.bytes)) : $0 }
      }
    default: return 0
    }
  }

  /// How many messages to keep so that they fit and end with an answer whose calls are all answered; nil when not even the first
  /// answer fits.
  func turnsThatFit(_ messages: [JSONView]) -> Int? {
    var sum = 0
    var best: Int?
    for (index, message) in messages.enumerated() {
      sum += count(message: message)
      if isOver(sum) { break }
      let fields = message.fields
      let isAnswer = fields.contains { $0.name == "role" && $0.value.string == "assistant" }
      let hasCalls = fields.contains { $0.name == "tool_calls" && $0.value.isTruthy }
      if isAnswer, !hasCalls { best = index + 1 }
    }
    return best
  }
}
