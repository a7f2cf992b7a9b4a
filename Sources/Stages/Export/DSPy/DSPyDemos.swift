internal import Diagnostics
internal import Engine
internal import Rows

/// Collects the rows that become demonstrations, step by step, while the training rows go by.
struct DSPyDemos {
  private struct Demo {
    let value: Double
    let parent: RowParent
    let json: [UInt8]
  }

  private let program: DSPyProgram
  private let token: [UInt8]
  private var chosen: [[Demo]]
  private var rowCount = 0
  private var valueCount = 0

  init(_ program: DSPyProgram) {
    self.program = program
    token = JSONText.quoted(program.demos.by ?? "")
    chosen = Array(repeating: [], count: program.steps.count)
  }

  /// Looks at a training row. Of equal values the earlier row stays.
  mutating func add(_ row: UnsafeRawBufferPointer, _ parent: RowParent) throws(TaskFailure) {
    let count = program.demos.count
    guard count > 0, FewShotUse.isAllowed(row) else { return }
    rowCount += 1
    guard let value = try value(of: row, parent) else { return }
    valueCount += 1
    for (index, step) in program.steps.enumerated() {
      if chosen[index].count == count, value <= chosen[index][count - 1].value { continue }
      guard let json = program.demo(of: row, for: step) else { continue }
      let place = chosen[index].firstIndex { $0.value < value } ?? chosen[index].count
      chosen[index].insert(Demo(value: value, parent: parent, json: json), at: place)
      if chosen[index].count > count { chosen[index].removeLast() }
    }
  }

  /// What rows are ordered by, nil for a row without it; all are equal when nothing is named.
  private func value(of row: UnsafeRawBufferPointer, _ parent: RowParent) throws(TaskFailure) -> Double? {
    guard let by = program.demos.by else { return 0 }
    guard let value = JSONBytes.field(token, of: row).map(JSONView.init), !value.isNull else { return nil }
    if let number = value.double { return number }
    throw TaskFailure(
      id: "dspy", message: "`\(by)`, by which demonstrations are chosen, is no number: `\(value.text.prefix(40))`", rows: [parent],
      help: "demos: { by: … } names a column of numbers, such as `confidence`")
  }

  /// Refuses a choice by a column that no row has: there would be no demonstrations at all, and nobody would know why.
  func check() throws(TaskFailure) {
    guard let by = program.demos.by, rowCount > 0, valueCount == 0 else { return }
    let message = "no training row has a value in `\(by)`, by which demonstrations are chosen"
    throw TaskFailure(
      id: "dspy", message: message, place: program.demos.range.map { Diagnostic(.error, id: "dspy", message, at: $0.place) },
      help: "rows carry the columns of the first stage, not those of their labels: join it there, or leave `by` out, which takes the first rows")
  }

  /// How many there are for each step.
  var counts: [(step: String, count: Int)] { zip(program.steps, chosen).map { ($0.name, $1.count) } }

  /// The demonstrations of each step.
  var json: [[[UInt8]]] { chosen.map { $0.map(\.json) } }

  /// The rows that they come from.
  var parents: [RowParent] {
    var seen: Set<RowParent> = []
    return chosen.flatMap { $0.map(\.parent) }.filter { seen.insert($0).inserted }
  }
}
