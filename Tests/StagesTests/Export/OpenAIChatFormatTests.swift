import Statistics
import Testing

@testable import Stages

/// Codes per line, as an independent checker of the published rules gives them for the same lines.
@Suite struct OpenAIChatFormatTests {
  static let lines: [(line: String, errors: [String], warnings: [String])] = [
    (#"{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "q ü"}, {"role": "assistant", "content": "a"}]}"#, [], []),
    (
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "3"}, {"role": "assistant", "content": "a"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}], "parallel_tool_calls": false}"#,
      [], []
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}]}, {"role": "assistant", "content": "a1"}]}"#,
      [], []
    ),
    (#"{"messages": [{"role": "user", "content": "q"}]}"#, ["no_assistant"], ["last_role"]),
    (#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x", "weight": 2}]}"#, ["weight"], []),
    (#"{"messages": [{"role": "bot", "content": "x"}, {"role": "assistant", "content": "a"}]}"#, ["role"], ["no_user"]),
    (#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "id": 3}"#, ["unknown_key"], []),
    (
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "tool", "tool_call_id": "zz", "content": "1"}, {"role": "assistant", "content": "a"}]}"#,
      ["tool_call_id"], []
    ),
    (#"{"messages": [{"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]}"#, ["image_role"], ["no_user"]),
    (#"{"messages": []}"#, ["messages"], []),
    (#"{"messages":[{"role":"user","content":NaN}]}"#, ["json"], []),
    ("  ", ["blank_line"], []),
    ("[1]", ["object"], []),
    (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" "}]}"#, ["empty"], []),
    (#"{"messages":[{"role":"user","content":" "},{"role":"assistant","content":"a"}]}"#, [], ["empty"]),
    (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null}]}"#, ["content"], []),
    (
      #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{"}}]}]}"#,
      ["tool_arguments"], []
    ),
    (
      #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":1,"type":"function","function":{"name":"f","arguments":"{}"}}]}]}"#,
      ["tool_call"], []
    ),
    (#"{"messages":[{"role":"user","content":"q","weight":1},{"role":"assistant","content":"a","weight":true}]}"#, ["weight_role", "weight"], []),
    (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]}"#, ["all_weight_zero"], []),
    (
      #"{"messages":[{"role":"user","content":["x",{"type":"text","text":""},{"type":"audio"},{"type":"image_url","image_url":{"url":"ftp://x","detail":"best"}},{"type":"image_url","image_url":{"url":"data:image/gif;base64,AAAA"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAA"}},{"type":"image_url","image_url":"data:image/png;base64,AAAA"}]},{"role":"assistant","content":"a"}]}"#,
      ["type", "empty", "content_type", "image_detail", "image_url", "image_type", "image_base64"], []
    ),
    (
      #"{"messages":[{"role":"user","content":5},{"role":"assistant","content":"a"},"x"],"tools":[{"type":"function","function":{"name":"a b"}},{"type":"x"}],"parallel_tool_calls":1}"#,
      ["type", "type", "tool_name", "tools", "type"], []
    ),
    (
      #"{"messages":[{"role":"user","content":"q","mood":1},{"role":"user","content":"q","tool_calls":[]},{"role":"assistant","content":"a"}]}"#,
      ["unknown_key", "tool_calls_role"], []
    ),
    (
      #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0.0},{"role":"assistant","content":"b","weight":1.0}]}"#,
      [], []
    ),
    (#"{"messages":{"role":"user"}}"#, ["messages"], []),
    (#"{"tools":[]}"#, ["missing_key", "messages"], []),
    // What follows a duplicate key means different things to different readers: nothing more is said about the line.
    (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"messages":[]}"#, ["duplicate_key"], []),
    (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]"#, ["json"], []),
    (#"{"messages":[{"role":null,"content":"q"},{"role":"assistant","content":"a"}]}"#, ["role"], ["no_user"]),
  ]

  @Test(arguments: lines.indices) func codes(of index: Int) {
    let (line, errors, warnings) = Self.lines[index]
    let checked = Array(line.utf8).withUnsafeBytes { OpenAIChatFormat.check(line: $0) }
    #expect(checked.errors.map(\.code) == errors, "\(line)")
    #expect(checked.warnings.map(\.code) == warnings, "\(line)")
  }

  /// The short way must never let through what the rules do not.
  @Test func plainMessagesHaveNoErrors() {
    let roles = ["user", "assistant", "system", "developer", "tool", "users", "", "ass"]
    let texts = ["a", "", " ", "\\u0020", "\\n", "\\\"x", "é", "\\u00a0", "x\\\\", "x\\\"},{"]
    let tails = ["", ",\"weight\":1", ",\"weight\":2", ",\"name\":\"n\"", ",\"tool_calls\":[]"]
    var random = SeededGenerator(seed: 11)
    var plain = 0
    for _ in 0..<20_000 {
      let messages = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        let tail = Bool.random(using: &random) ? "" : tails.randomElement(using: &random)!
        return #"{"role":"\#(roles.randomElement(using: &random)!)","content":"\#(texts.randomElement(using: &random)!)"\#(tail)}"#
      }.joined(separator: ",")
      guard Array("[\(messages)]".utf8).withUnsafeBytes({ OpenAIChatFormat.isPlain(messages: $0) }) else { continue }
      plain += 1
      let line = #"{"messages":[\#(messages)]}"#
      #expect(Array(line.utf8).withUnsafeBytes { OpenAIChatFormat.check(line: $0) }.errors == [], "\(line)")
    }
    #expect(plain > 100)
  }

  @Test func bounds() {
    func check(_ line: String) -> [String] { Array(line.utf8).withUnsafeBytes { OpenAIChatFormat.check(line: $0) }.errors.map(\.code) }
    let image = #"{"type":"image_url","image_url":{"url":"https://x"}}"#
    func images(_ count: Int) -> String {
      #"{"messages":[{"role":"user","content":["# + Array(repeating: image, count: count).joined(separator: ",") + #"]},{"role":"assistant","content":"a"}]}"#
    }
    #expect(check(images(10)) == [])
    #expect(check(images(11)) == ["images_per_example"])
    let tool = #"{"type":"function","function":{"name":"f"}}"#
    func tools(_ count: Int) -> String {
      #"{"messages":[{"role":"assistant","content":"a"}],"tools":["# + Array(repeating: tool, count: count).joined(separator: ",") + "]}"
    }
    #expect(check(tools(128)) == [])
    #expect(check(tools(129)) == ["tools_max"])
    let name = String(repeating: "n", count: 65)
    #expect(check(tools(1).replacing("\"f\"", with: "\"\(name)\"")) == ["tool_name"])
    let large = String(repeating: "AAAA", count: (10 << 20) / 3 + 1)
    #expect(check(images(1).replacing("https://x", with: "data:image/png;base64," + large)) == ["image_size"])
  }
}
