internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What is wrong with a line of an output file, or worth a look.
struct FormatProblem: Equatable {
  /// Stable: `no_assistant`, `weight`, …
  let code: String
  /// Where in the line, and what; lower case.
  let message: String
}

/// The rules of a line of OpenAI's chat fine-tuning files (supervised, with tools and images), as published with the API
/// specification 2.3.0 and the fine-tuning guide.
struct OpenAIChatFormat {
  private(set) var errors: [FormatProblem] = []
  private(set) var warnings: [FormatProblem] = []

  private static let roles: Set<String> = ["system", "developer", "user", "assistant", "tool", "function"]
  private static let lineKeys: Set<String> = ["messages", "tools", "parallel_tool_calls", "functions"]
  private static let messageKeys: Set<String> = [
    "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
  ]
  /// Images of one example; the vendor's limit.
  static let maximumImages = 10
  /// Bytes of one image; the vendor's limit.
  static let maximumImageBytes = 10 << 20
  static let maximumTools = 128

  private init() {}

  /// Checks a line as it stands in a file, without its line end.
  static func check(line: UnsafeRawBufferPointer) -> OpenAIChatFormat {
    var format = OpenAIChatFormat()
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) {
      format.fail("blank_line", "the line is blank")
      return format
    }
    var compact: [UInt8] = []
    do {
      try JSONValidator.appendValue(line, to: &compact)
    } catch {
      format.fail(error.message.hasPrefix("duplicate key") ? "duplicate_key" : "json", error.message)
      return format
    }
    guard compact.first == UInt8(ascii: "{") else {
      format.fail("object", "the line is not a JSON object")
      return format
    }
    compact.withUnsafeBytes { format.check($0) }
    return format
  }

  /// Checks a line that is known to be a compact, valid JSON object.
  static func check(compact line: UnsafeRawBufferPointer) -> OpenAIChatFormat {
    var format = OpenAIChatFormat()
    format.check(line)
    return format
  }

  /// Whether these messages, compact and valid, are of the shape that nearly all have, in which nothing can be wrong: a role of the four and
  /// a text that is not blank in each, and one of them the assistant's. False says nothing; then ``check(compact:)`` decides.
  static func isPlain(messages: UnsafeRawBufferPointer) -> Bool {
    var at = 1
    var hasAssistant = false
    func skip(_ token: StaticString) -> Bool {
      guard at + token.utf8CodeUnitCount <= messages.count, memcmp(messages.baseAddress! + at, token.utf8Start, token.utf8CodeUnitCount) == 0 else {
        return false
      }
      at += token.utf8CodeUnitCount
      return true
    }
    repeat {
      guard skip("{\"role\":\"") else { return false }
      if skip("assistant") {
        hasAssistant = true
      } else if !skip("user"), !skip("system"), !skip("developer") {
        return false
      }
      // The first character shows that the text is not blank.
      guard skip("\",\"content\":\""), at < messages.count, messages[at] > 0x20, messages[at] < 0x7F, messages[at] != UInt8(ascii: "\\"),
        messages[at] != UInt8(ascii: "\"")
      else { return false }
      at = JSONScanner.skipString(messages, at: at - 1)
      guard skip("}") else { return false }
    } while skip(",")
    return hasAssistant && at == messages.count - 1
  }

  private mutating func fail(_ code: String, _ message: String) { errors.append(FormatProblem(code: code, message: message)) }

  private mutating func warn(_ code: String, _ message: String) { warnings.append(FormatProblem(code: code, message: message)) }

  private mutating func check(_ line: UnsafeRawBufferPointer) {
    var messages: JSONView?
    var tools: JSONView?
    var parallel: JSONView?
    for (name, value) in JSONView(line).fields {
      switch name {
      case "messages": messages = value
      case "tools": tools = value
      case "parallel_tool_calls": parallel = value
      default: if !Self.lineKeys.contains(name) { fail("unknown_key", "unexpected key `\(name)`") }
      }
    }
    if messages == nil { fail("missing_key", "`messages` is missing") }
    var images = 0
    let roles = checkMessages(messages, &images)
    checkTools(tools)
    if let parallel, parallel.kind != .bool { fail("type", "`parallel_tool_calls` must be true or false") }
    if let last = roles.last, last != "assistant" {
      warn("last_role", "the last message is not of the assistant: text after the last assistant message is not trained on")
    }
    if images > Self.maximumImages { fail("images_per_example", "more than \(Self.maximumImages) images in one example") }
  }

  private mutating func checkMessages(_ value: JSONView?, _ images: inout Int) -> [String?] {
    guard let value, value.kind == .array, value.bytes.count > 2 else {
      fail("messages", "`messages` must be a list with something in it")
      return []
    }
    var roles: [String?] = []
    var calls: Set<String> = []
    var assistants = 0
    var weightless = 0
    for (index, message) in value.items.enumerated() {
      let place = "messages[\(index)]"
      guard message.kind == .object else {
        fail("type", "\(place): an object is expected")
        continue
      }
      let fields = message.fields
      func field(_ name: String) -> JSONView? { fields.last { $0.name == name }?.value }
      let role = field("role")?.string
      roles.append(role)
      if role == "assistant" {
        assistants += 1
        if let weight = field("weight"), weight.double == 0 || weight.bool == false { weightless += 1 }
      }
      guard let role, Self.roles.contains(role) else {
        fail("role", "\(place): there is no role `\(role ?? field("role")?.text ?? "null")`")
        continue
      }
      for (name, _) in fields where !Self.messageKeys.contains(name) { fail("unknown_key", "\(place): unexpected key `\(name)`") }
      if let weight = field("weight") {
        if role != "assistant" {
          fail("weight_role", "\(place): `weight` is for assistant messages only")
        } else if weight.double != 0, weight.double != 1 {
          fail("weight", "\(place): `weight` must be 0 or 1")
        }
      }
      checkContent(field, role, place, &images)
      checkCalls(field("tool_calls"), role, place, &calls)
      if role == "tool" {
        let id = field("tool_call_id")
        if id?.string.map(calls.contains) != true {
          fail("tool_call_id", "\(place): `tool_call_id` \(id?.text ?? "null") answers no earlier call")
        }
      }
    }
    if assistants == 0 {
      fail("no_assistant", "there is no assistant message to learn from")
    } else if weightless == assistants {
      fail("all_weight_zero", "every assistant message has weight 0")
    }
    if !roles.contains("user") { warn("no_user", "there is no user message") }
    return roles
  }

  private mutating func checkContent(_ field: (String) -> JSONView?, _ role: String, _ place: String, _ images: inout Int) {
    let content = field("content")
    guard let content, !content.isNull else {
      let mayBeEmpty = role == "assistant" && ["tool_calls", "function_call", "refusal"].contains { field($0)?.isTruthy == true }
      if !mayBeEmpty { fail("content", "\(place): `content` is missing") }
      return
    }
    switch content.kind {
    case .string:
      guard Self.isBlank(content), field("tool_calls")?.isTruthy != true else { return }
      if role == "assistant" { fail("empty", "\(place): `content` is empty") } else { warn("empty", "\(place): `content` is empty") }
    case .array:
      for (index, part) in content.items.enumerated() { checkPart(part, role, "\(place).content[\(index)]", &images) }
    default: fail("type", "\(place): `content` must be text or a list of parts")
    }
  }

  private mutating func checkPart(_ part: JSONView, _ role: String, _ place: String, _ images: inout Int) {
    guard part.kind == .object else { return fail("type", "\(place): an object is expected") }
    let fields = part.fields
    func field(_ name: String) -> JSONView? { fields.last { $0.name == name }?.value }
    let type = field("type")?.string
    switch type {
    case "text":
      guard let text = field("text"), text.kind == .string else { return fail("type", "\(place): `text` must be text") }
      if Self.isBlank(text) { fail("empty", "\(place): `text` is empty") }
    case "image_url":
      images += 1
      if role != "user" { fail("image_role", "\(place): images belong into user messages only (this is `\(role)`)") }
      checkImage(field("image_url"), place)
    case "refusal" where role == "assistant": break
    default: fail("content_type", "\(place): there is no content part of type `\(type ?? field("type")?.text ?? "null")`")
    }
  }

  private mutating func checkImage(_ value: JSONView?, _ place: String) {
    var url = value
    if let value, value.kind == .object {
      url = value.fields.last { $0.name == "url" }?.value
      if let detail = value.fields.last(where: { $0.name == "detail" })?.value, !["auto", "low", "high"].contains(detail.string ?? "") {
        fail("image_detail", "\(place): `detail` must be auto, low or high")
      }
    }
    guard let url = url?.string, ["https://", "http://", "data:image/"].contains(where: url.hasPrefix) else {
      return fail("image_url", "\(place): an http(s) URL or data:image/… is expected")
    }
    guard url.hasPrefix("data:") else { return }
    let heads = ["jpeg", "jpg", "png", "webp"].map { "data:image/\($0);base64," }
    guard let head = heads.first(where: url.hasPrefix) else {
      return fail("image_type", "\(place): an image must be JPEG, PNG or WEBP in base64")
    }
    guard let bytes = Base64.decodedCount(url.utf8.dropFirst(head.utf8.count)) else {
      return fail("image_base64", "\(place): the image is not valid base64")
    }
    if bytes > Self.maximumImageBytes { fail("image_size", "\(place): the image is larger than \(Self.maximumImageBytes >> 20) MB") }
  }

  private mutating func checkCalls(_ value: JSONView?, _ role: String, _ place: String, _ calls: inout Set<String>) {
    guard let value else { return }
    if role != "assistant" { fail("tool_calls_role", "\(place): `tool_calls` are for assistant messages only") }
    guard value.isTruthy else { return }
    guard value.kind == .array else { return fail("tool_call", "\(place): `tool_calls` must be a list") }
    for (index, call) in value.items.enumerated() {
      let fields = call.fields
      func field(_ name: String) -> JSONView? { fields.last { $0.name == name }?.value }
      let place = "\(place).tool_calls[\(index)]"
      guard field("type")?.string == "function", let id = field("id")?.string, let function = field("function"), function.kind == .object
      else {
        fail("tool_call", "\(place): needs `id`, `type: function` and `function` with `name` and `arguments`")
        continue
      }
      if let arguments = function.fields.last(where: { $0.name == "arguments" })?.value, arguments.kind == .string {
        var ignored: [UInt8] = []
        let isJSON = JSONText.decoded(arguments.bytes).withUnsafeBytes { text -> Bool in
          do throws(JSONError) { try JSONValidator.appendValue(text, to: &ignored) } catch { return false }
          return true
        }
        if !isJSON { fail("tool_arguments", "\(place): `arguments` is not JSON") }
      } else {
        fail("tool_arguments", "\(place): `arguments` must be JSON as text")
      }
      calls.insert(id)
    }
  }

  private mutating func checkTools(_ value: JSONView?) {
    guard let value, value.isTruthy else { return }
    guard value.kind == .array else { return fail("tools", "`tools` must be a list") }
    let tools = value.items
    for (index, tool) in tools.enumerated() {
      let fields = tool.fields
      let function = fields.last { $0.name == "function" }?.value
      guard let function, function.kind == .object, fields.last(where: { $0.name == "type" })?.value.string == "function" else {
        fail("tools", "tools[\(index)]: needs `type: function` and `function` with `name` and `parameters`")
        continue
      }
      let name = function.fields.last { $0.name == "name" }?.value.string ?? ""
      let isName = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(Self.isNameByte)
      if !isName { fail("tool_name", "tools[\(index)]: the name `\(name)` is not 1 to 64 of A-Z a-z 0-9 _ -") }
    }
    if tools.count > Self.maximumTools { fail("tools_max", "more than \(Self.maximumTools) tools") }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Whether a JSON string holds nothing but white space.
  private static func isBlank(_ token: JSONView) -> Bool {
    // Nearly every text has a plain character in its first bytes: nothing is decoded then.
    if token.bytes.dropFirst().first.map({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }) == true {
      return false
    }
    return String(decoding: JSONText.decoded(token.bytes), as: UTF8.self).unicodeScalars.allSatisfy(\.properties.isWhitespace)
  }
}

/// Just enough of base64 (RFC 4648) to know whether something is it, and how much it holds.
enum Base64 {
  static func decodedCount(_ text: some Sequence<UInt8>) -> Int? {
    var count = 0
    var padding = 0
    for byte in text {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "+"), UInt8(ascii: "/"):
        guard padding == 0 else { return nil }
        count += 1
      case UInt8(ascii: "="): padding += 1
      default: return nil
      }
    }
    guard (count + padding) % 4 == 0, padding <= 2 else { return nil }
    return count * 3 / 4
  }
}
