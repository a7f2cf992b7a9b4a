import Testing

@testable import Stages

@Suite struct LabelReaderTests {
  let reader = LabelReader(sheet: "tickets", rowKey: ["id"], details: ["confidence"])

  func answer(_ records: String...) throws -> LabelAnswer? { try reader.answer(records.map { Array($0.utf8) }) }

  func label(_ answer: LabelAnswer?) -> String? { answer?.label.map { String(decoding: $0, as: UTF8.self) } }

  @Test func itemsAreKeyTexts() throws {
    func item(_ reader: LabelReader, _ row: String) throws -> String {
      try Array(row.utf8).withUnsafeBytes { String(decoding: try reader.item(of: $0), as: UTF8.self) }
    }
    #expect(try item(reader, #"{"id":"T-17"}"#) == "T-17")
    #expect(try item(reader, #"{"id":17}"#) == "17")
    let pair = LabelReader(sheet: "s", rowKey: ["a", "b"], details: [])
    #expect(try item(pair, #"{"b":2,"a":"x"}"#) == #"["x",2]"#)
    #expect(throws: LabelItem.NoKey.self) { _ = try item(pair, #"{"a":"x","b":null}"#) }
    // As a side table composes its three key columns: length-prefixed.
    #expect(reader.key(item: Array("T".utf8), labelType: "in") == [0, 0, 0, 7] + Array("tickets".utf8) + [0, 0, 0, 1, 84, 0, 0, 0, 2, 105, 110])
  }

  @Test func theHighestVersionWins() throws {
    let found = try answer(#"{"label":"refund"}"#, #"{"label":"billing","version":3}"#, #"{"label":"login","version":"2"}"#)
    #expect(label(found) == "\"billing\"")
  }

  @Test func equalAnswersAreOneAnswer() throws {
    let found = try answer(#"{"label":"refund"}"#, #"{"label":"refund","status":"approved"}"#)
    #expect(label(found) == "\"refund\"")
    #expect(found?.status == .approved)
  }

  @Test func twoAnswersAreAnError() {
    let conflict = LabelReader.Conflict(first: Array("\"refund\"".utf8), second: Array("\"login\"".utf8), version: 1)
    #expect(throws: LabelReader.Fault.conflict(conflict)) { _ = try answer(#"{"label":"refund"}"#, #"{"label":"login"}"#) }
    #expect(throws: LabelReader.Fault.self) {
      _ = try reader.settle([try answer(#"{"label":1}"#)!, try answer(#"{"label":2}"#)!])
    }
  }

  @Test func aReviewSettlesTheStatus() throws {
    func settle(_ a: String, _ b: String) throws -> LabelStatus? {
      try reader.settle([try answer("{\"label\":1,\"status\":\"\(a)\"}")!, try answer("{\"label\":1,\"status\":\"\(b)\"}")!])?.status
    }
    #expect(try settle("labeled", "approved") == .approved)
    #expect(try settle("rejected", "labeled") == .rejected)
    #expect(try settle("approved", "flagged") == .flagged)
    #expect(try settle("rejected", "approved") == .rejected)
  }

  @Test func noLabelIsNoAnswer() throws {
    #expect(try answer(#"{"label":null}"#)?.status == .unlabeled)
    #expect(try answer(#"{"status":"approved"}"#)?.status == .unlabeled)
    #expect(try answer(#"{"label":"x","status":"unlabeled"}"#)?.label == nil)
    #expect(try answer(#"{"label":""}"#)?.label == nil)
    #expect(try answer() == nil)
  }

  @Test func csvCellsAreRead() throws {
    let found = try answer(#"{"label":"[1, {\"a\": 2}]","allowed_uses":"training; few_shot","prohibited_uses":"","status":"","confidence":"0.5"}"#)
    #expect(label(found) == #"[1,{"a":2}]"#)
    #expect(found?.allowedUses == ["training", "few_shot"])
    #expect(found?.prohibitedUses == [])
    #expect(found?.status == .labeled)
    #expect(found?.details.map(\.name) == ["confidence"])
  }

  @Test func badFieldsAreNamed() {
    #expect(throws: LabelReader.Fault.field(name: "status", value: "ok", expected: "unlabeled, labeled, approved, rejected or flagged")) {
      _ = try answer(#"{"label":1,"status":"ok"}"#)
    }
    #expect(throws: LabelReader.Fault.self) { _ = try answer(#"{"label":1,"version":"two"}"#) }
    #expect(throws: LabelReader.Fault.self) { _ = try answer(#"{"label":1,"classification":"secret"}"#) }
  }

  @Test func usesNarrow() {
    #expect(Uses.narrowed([nil, nil], prohibited: []) == nil)
    #expect(Uses.narrowed([["evaluation", "training"], nil], prohibited: []) == ["training", "evaluation"])
    #expect(Uses.narrowed([["training", "few_shot"], ["few_shot"]], prohibited: []) == ["few_shot"])
    #expect(Uses.narrowed([nil], prohibited: ["training"]) == ["validation", "evaluation", "few_shot", "testing"])
    #expect(Uses.narrowed([["training"]], prohibited: ["training"]) == [])
  }

  @Test func otherSheetsAreNobodysBusiness() {
    let test = reader.accepts(["intent"])
    func accepts(_ row: String) -> Bool { Array(row.utf8).withUnsafeBytes { test($0) } }
    #expect(accepts(#"{"sheet":"tickets","item":"1","label_type":"intent"}"#))
    #expect(!accepts(#"{"sheet":"mails","item":"1","label_type":"intent"}"#))
    #expect(!accepts(#"{"sheet":"tickets","item":"1","label_type":"mood"}"#))
  }
}
