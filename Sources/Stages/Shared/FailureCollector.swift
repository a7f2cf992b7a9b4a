internal import Diagnostics
internal import Engine

/// Keeps the first failure of a task, and the further rows that fail in the same way: "and 22 more rows".
struct FailureCollector {
  /// More rows than this are nobody's reading.
  static let maximumRows = 1000
  private var first: TaskFailure?

  var isEmpty: Bool { first == nil }

  mutating func add(_ failure: TaskFailure) {
    guard let known = first else {
      first = failure
      return
    }
    let isSame = known.id == failure.id && known.message == failure.message && known.place?.place == failure.place?.place
    if isSame, known.rows.count < Self.maximumRows { first!.rows += failure.rows }
  }

  func throwFirst() throws(TaskFailure) { if let first { throw first } }
}
