internal import Engine
internal import Rows

/// How a row becomes a line of a file.
enum ExportFormat: Sendable {
  case openAIChat
  /// All columns, or these.
  case jsonLines(columns: [[UInt8]]?)
  case csv(columns: [[UInt8]])
  case dspy(DSPyFolder)

  private static let messages = JSONText.quoted("messages")
  private static let further = ["tools", "parallel_tool_calls"].map(JSONText.quoted)

  /// Whether a row may take several lines of the file.
  var spansLines: Bool { if case .csv = self { true } else { false } }

  /// Appends the line of a row, without its newline.
  /// - Parameter turns: how many messages are kept; nil for all.
  func append(_ row: RowView, turns: Int?, to out: inout [UInt8]) throws(LineFault) {
    switch self {
    case .openAIChat: try Self.appendChat(row, turns: turns, to: &out)
    case .jsonLines(nil): out.append(contentsOf: row.row)
    case .jsonLines(let columns?):
      out.append(UInt8(ascii: "{"))
      for column in columns {
        guard let value = row.value(column) else { continue }
        JSONBytes.appendKey(column, to: &out)
        out.append(contentsOf: value)
      }
      out.append(UInt8(ascii: "}"))
    case .csv(let columns): CSVLine.append(row.row, columns: columns, to: &out)
    case .dspy(let folder): try folder.program.append(row.row, key: folder.rowKey, to: &out)
    }
  }

  /// What keeps a row from being a line.
  struct LineFault: Error {
    let message: String
    let help: String?
  }

  /// The messages of a row, or nil when it has none.
  static func messages(of row: RowView) -> JSONView? {
    row.value(messages).map(JSONView.init).flatMap { $0.kind == .array ? $0 : nil }
  }

  private static func appendChat(_ row: RowView, turns: Int?, to out: inout [UInt8]) throws(LineFault) {
    guard let value = messages(of: row) else {
      throw LineFault(message: "the row has no list `messages`", help: "openai-chat wants rows of an assemble stage; jsonl and csv take any")
    }
    out.append(UInt8(ascii: "{"))
    JSONBytes.appendKey(messages, to: &out)
    let isPlain = OpenAIChatFormat.isPlain(messages: value.bytes)
    if turns == nil, isPlain || !mentionsImage(value.bytes) {
      out.append(contentsOf: value.bytes)
    } else {
      out.append(UInt8(ascii: "["))
      for (index, message) in value.items.prefix(turns ?? .max).enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        try append(message: message, to: &out)
      }
      out.append(UInt8(ascii: "]"))
    }
    var hasMore = false
    for column in further {
      guard let value = row.value(column), !JSONView(value).isNull else { continue }
      JSONBytes.appendKey(column, to: &out)
      out.append(contentsOf: value)
      hasMore = true
    }
    out.append(UInt8(ascii: "}"))
    if isPlain, !hasMore, turns == nil { return }
    let checked = out.withUnsafeBytes { OpenAIChatFormat.check(compact: $0) }
    if let error = checked.errors.first {
      throw LineFault(message: "the row breaks a rule of openai-chat (\(error.code)): \(error.message)", help: help(for: error.code))
    }
  }

  private static func help(for code: String) -> String? {
    switch code {
    case "content", "no_assistant", "empty": "a row without an answer is held back by `gate: { status: [labeled, approved] }`"
    case "tool_arguments": "`arguments` is a text: {{ arguments | tojson }}"
    default: nil
    }
  }

  private static func mentionsImage(_ messages: UnsafeRawBufferPointer) -> Bool {
    let mark = Array("\"type\":\"image\"".utf8)
    guard messages.count >= mark.count else { return false }
    return messages.indices.dropLast(mark.count - 1).contains { at in
      messages[at] == mark[0] && messages[at + 1] == mark[1] && UnsafeRawBufferPointer(rebasing: messages[at..<(at + mark.count)]).elementsEqual(mark)
    }
  }

  /// Our image parts hold a path or URL; theirs hold an object with a URL.
  private static func append(message: JSONView, to out: inout [UInt8]) throws(LineFault) {
    out.append(UInt8(ascii: "{"))
    for (name, value) in message.fields {
      JSONBytes.appendKey(JSONText.quoted(name), to: &out)
      guard name == "content", value.kind == .array else {
        out.append(contentsOf: value.bytes)
        continue
      }
      out.append(UInt8(ascii: "["))
      for (index, part) in value.items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        let fields = part.fields
        guard fields.contains(where: { $0.name == "type" && $0.value.string == "image" }) else {
          out.append(contentsOf: part.bytes)
          continue
        }
        let image = fields.first { $0.name == "image" }?.value.string ?? ""
        guard ["https://", "http://", "data:image/"].contains(where: image.hasPrefix) else {
          throw LineFault(
            message: "the image `\(image)` is a local file: putting files into lines is planned and not built yet",
            help: "give an https URL, or a data:image/…;base64 text")
        }
        out += "{\"type\":\"image_url\",\"image_url\":{\"url\":".utf8
        JSONText.append(image, to: &out)
        out += "}}".utf8
      }
      out.append(UInt8(ascii: "]"))
    }
    out.append(UInt8(ascii: "}"))
  }
}
