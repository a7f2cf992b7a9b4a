import Engine
import Testing

@Suite struct StageFiguresTests {
  static var figures: StageFigures {
    var psi = StageFigures()
    psi.append("psi", .real(0.1))
    psi.append("p", .real(.nan))
    var drift = StageFigures()
    drift.append("lang", .nested(psi))
    var figures = StageFigures()
    figures.append("rows", .integer(412))
    figures.append("status", .text("gr\u{FC}n \"ok\""))
    figures.append("loss", .real(1e-7))
    figures.append("drift", .nested(drift))
    return figures
  }

  @Test("figures are kept as JSON, a number as its shortest text, what is no number as null")
  func json() {
    let text = String(decoding: Self.figures.json, as: UTF8.self)
    #expect(text == #"{"rows":412,"status":"grün \"ok\"","loss":1e-07,"drift":{"lang":{"psi":0.1,"p":null}}}"#)
    #expect(StageFigures(json: Self.figures.json)?.json == Self.figures.json)
    for bad in ["", "[]", "{\"a\":[1]}", "{\"a\":true}", "{\"a\":"] { #expect(StageFigures(json: Array(bad.utf8)) == nil, "\(bad)") }
  }

  @Test("they are found by a way of names, and listed by dotted ones")
  func names() {
    #expect(Self.figures.number("drift", "lang", "psi") == 0.1)
    #expect(Self.figures.number("rows") == 412)
    #expect(Self.figures.number("status") == nil)
    #expect(Self.figures.number("drift", "plan", "psi") == nil)
    #expect(Self.figures.leaves.map(\.name) == ["rows", "status", "loss", "drift.lang.psi", "drift.lang.p"])
  }

  @Test("setting replaces in place, nil takes away")
  func setting() {
    var figures = Self.figures
    figures["rows"] = .integer(5)
    figures["loss"] = nil
    #expect(figures.entries.map(\.name) == ["rows", "status", "drift"])
    #expect(figures.number("rows") == 5)
  }
}
