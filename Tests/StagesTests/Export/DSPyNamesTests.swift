import Testing

@testable import Stages

@Suite struct DSPyNamesTests {
  /// As `dspy.signatures.signature.infer_prefix` of DSPy 3.4.1 writes them.
  @Test(arguments: [
    ("ticket_id", "Ticket Id"), ("camelCaseField", "Camel Case Field"), ("HTMLBody", "HTML Body"), ("q1", "Q 1"), ("answer2text", "Answer 2 Text"),
    ("row_2_val", "Row 2 Val"), ("URL", "URL"), ("item__ref", "Item  Ref"), ("x", "X"), ("aB", "A B"), ("userID", "User ID"), ("HTTPServer2Go", "HTTP Server 2 Go"),
    ("ABc", "A Bc"), ("a1b2", "A 1 B 2"), ("trailing_", "Trailing "), ("v2X", "V 2 X"),
  ])
  func prefixes(name: String, expected: String) {
    #expect(DSPyNames.prefix(of: name) == expected)
  }

  @Test func classNames() {
    #expect(
      ["classify", "classify_ticket", "html_to_text", "optional", "program"].map(DSPyNames.className) == [
        "Classify", "ClassifyTicket", "HtmlToText", "Optional_", "Program_",
      ])
  }

  @Test func refusals() {
    #expect(DSPyNames.faultOfField("ticket") == nil)
    #expect(DSPyNames.faultOfStep("reply") == nil)
    for name in ["class", "_x", "model_id", "copy", "json", "instructions", "demos", "lm", "items", "inputs"] { #expect(DSPyNames.faultOfField(name) != nil, "\(name)") }
    for name in ["forward", "save", "lambda", "_step", "history"] { #expect(DSPyNames.faultOfStep(name) != nil, "\(name)") }
  }
}
