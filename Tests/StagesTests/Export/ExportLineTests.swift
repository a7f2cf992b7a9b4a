import Rows
import Testing

@testable import Stages

@Suite struct ExportLineTests {
  func line(_ format: ExportFormat, _ row: String, turns: Int? = nil) throws -> String {
    try Array(row.utf8).withUnsafeBytes { row in
      var out: [UInt8] = []
      let view = RowView()
      view.read(row)
      try format.append(view, turns: turns, to: &out)
      return String(decoding: out, as: UTF8.self)
    }
  }

  func csv(_ row: String, _ columns: [String]) throws -> String { try line(.csv(columns: columns.map(JSONText.quoted)), row) }

  @Test func csvFields() throws {
    #expect(try csv(#"{"a":"x","b":1.10,"c":true}"#, ["a", "b", "c"]) == "x,1.10,true\r")
    #expect(try csv(#"{"a":"x,y","b":"say \"hi\"","c":"two\nlines"}"#, ["a", "b", "c"]) == "\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\"\r")
    #expect(try csv(#"{"a":"","b":null}"#, ["a", "b", "c"]) == "\"\",,\r")
    #expect(try csv(#"{"a":[1,"x"],"b":{"k":9007199254740993}}"#, ["b", "a"]) == "\"{\"\"k\"\":9007199254740993}\",\"[1,\"\"x\"\"]\"\r")
    #expect(try csv(#"{"a":" padded "}"#, ["a"]) == "\" padded \"\r")
    // A lone null is no blank line.
    #expect(try csv(#"{"a":null}"#, ["a"]) == "\"\"\r")
    #expect(String(decoding: CSVLine.header(["id", "a,b"]), as: UTF8.self) == "id,\"a,b\"\r\n")
  }

  @Test func jsonLines() throws {
    #expect(try line(.jsonLines(columns: nil), #"{"a":1.10,"b":"ü"}"#) == #"{"a":1.10,"b":"ü"}"#)
    #expect(try line(.jsonLines(columns: ["b", "z"].map(JSONText.quoted)), #"{"a":1.10,"b":"ü"}"#) == #"{"b":"ü"}"#)
  }

  @Test func chatKeepsOnlyWhatBelongsThere() throws {
    let row = #"{"id":1,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"tools":null,"status":"labeled"}"#
    #expect(try line(.openAIChat, row) == #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#)
  }

  @Test func chatImages() throws {
    let row =
      #"{"messages":[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image","image":"https://x/y.png"}]},{"role":"assistant","content":"a"}]}"#
    #expect(
      try line(.openAIChat, row)
        == #"{"messages":[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]},{"role":"assistant","content":"a"}]}"#
    )
    #expect(throws: ExportFormat.LineFault.self) { _ = try line(.openAIChat, row.replacing("https://x/", with: "Images/")) }
  }

  @Test func brokenRulesAreErrors() {
    let row = #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null}]}"#
    let fault = #expect(throws: ExportFormat.LineFault.self) { _ = try line(.openAIChat, row) }
    #expect(fault?.message == "the row breaks a rule of openai-chat (content): messages[1]: `content` is missing")
  }

  @Test func limitsCount() {
    let words = TextLimit(maximum: 5, counter: .words, divisor: 1, tooLong: .drop)
    #expect(words.count(" a  bc\nd ".utf8) == 3)
    #expect(TextLimit(maximum: 5, counter: .chars, divisor: 1, tooLong: .drop).count("añ😀".utf8) == 3)
    let bytes = TextLimit(maximum: 2, counter: .bytes, divisor: 4, tooLong: .drop)
    #expect(bytes.count("añ😀".utf8) == 7)
    #expect(bytes.tokens(7) == 2)
    #expect(!bytes.isOver(8))
    #expect(bytes.isOver(9))
  }

  @Test func turnsAreCutAtAnswers() {
    let limit = TextLimit(maximum: 5, counter: .words, divisor: 1, tooLong: .truncateAtTurn)
    func turns(_ json: String) -> Int? { Array(json.utf8).withUnsafeBytes { limit.turnsThatFit(JSONView($0).items) } }
    #expect(turns(#"[{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":"d e f"},{"role":"assistant","content":"g"}]"#) == 2)
    #expect(turns(#"[{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":"d"},{"role":"assistant","content":"g"}]"#) == 4)
    #expect(turns(#"[{"role":"user","content":"a b c d e f"},{"role":"assistant","content":"c"}]"#) == nil)
    // A call without its answer is no place to stop.
    #expect(
      turns(
        #"[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"b c d"},{"role":"assistant","content":"e"}]"#
      ) == nil)
  }
}
