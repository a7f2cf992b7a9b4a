internal import Diagnostics
internal import Engine
internal import Rows
internal import Statistics

/// A column of the log that is compared with the same column of the reference.
struct WatchedColumn {
  let name: String
  let token: [UInt8]
  private let method: DriftMethod?
  private let isNumeric: Bool
  private let numbers: ValueCounts
  private let categories: [[UInt8]: Int]

  /// - Parameters:
  ///   - log: the column of all windows: what it holds decides its type once, so that the windows can be compared.
  ///   - rows: how many rows there are on both sides.
  init(
    _ field: MonitorPlan.Field, _ token: [UInt8], reference: FieldSample, log: FieldSample, rows: (log: Int, reference: Int)
  ) throws(TaskFailure) {
    name = field.name
    self.token = token
    method = field.method
    for (sample, count, side) in [(log, rows.log, "the log"), (reference, rows.reference, "the reference")] {
      if sample.structures > 0 {
        throw Self.failure("`\(field.name)` holds lists or objects in \(side), and drift is of single values", field, "compute a column with `derive` and watch that one")
      }
      if sample.isEmpty, count > 0 {
        throw Self.failure("no row of \(side) has a value in `\(field.name)`", field, "fields: { … } names columns that both have")
      }
    }
    isNumeric = log.isNumeric && reference.isNumeric
    // A column that holds both is one of categories; one that holds numbers here and texts there was read in two ways.
    let other = log.isNumeric ? reference : log
    if !log.isEmpty, !reference.isEmpty, log.isNumeric != reference.isNumeric, !other.hasNumbers {
      let (texts, numbers) = log.isNumeric ? ("the reference", "the log") : ("the log", "the reference")
      throw Self.failure(
        "`\(field.name)` is a number in \(numbers) and a text in \(texts): nothing would be alike", field,
        "cells of a CSV file are texts until `columns: { \(field.name): { from: \(field.name), type: float } }` of an ingest stage says otherwise")
    }
    if let method, method.needsNumbers, !isNumeric, !log.isEmpty, !reference.isEmpty {
      let example = (log.texts.isEmpty ? reference.texts : log.texts).keys.min { $0.lexicographicallyPrecedes($1) } ?? []
      throw Self.failure(
        "`\(method.rawValue)` compares numbers, and `\(field.name)` holds `\(String(decoding: example.prefix(40), as: UTF8.self))`", field,
        "fields: { \(field.name): chi2 } (or js, psi, auto) compares categories")
    }
    numbers = isNumeric ? reference.values : ValueCounts()
    categories = isNumeric ? [:] : reference.categories
  }

  private static func failure(_ message: String, _ field: MonitorPlan.Field, _ help: String) -> TaskFailure {
    TaskFailure(
      id: "drift", message: message, place: field.range.map { Diagnostic(.error, id: "drift", message, at: $0.place) }, help: help)
  }

  /// What a window's column came to.
  struct Measured {
    let isNumeric: Bool
    let count: Int
    let missing: Int
    /// Nil when there is nothing to compare.
    let drift: Drift?
    let mean: (reference: Double?, current: Double?)?
    /// The categories whose shares differ most.
    let moved: [(category: [UInt8], reference: Double, current: Double)]

    var figures: StageFigures {
      func real(_ value: Double?) -> StageFigures.Value { value.map { .real($0) } ?? .null }
      var figures = StageFigures()
      figures.append("method", drift.map { .text($0.method.rawValue) } ?? .null)
      figures.append("value", real(drift?.value))
      figures.append("p", real(drift?.p))
      figures.append("psi", real(drift?.psi))
      figures.append("drifted", .integer(drift?.isDrift ?? false ? 1 : 0))
      return figures
    }

    func append(to row: inout JSONRow) {
      row.add("count", count)
      row.add("missing", missing)
      row.add("type", JSONText.quoted(isNumeric ? "number" : "category"))
      row.add("method", drift.map { JSONText.quoted($0.method.rawValue) } ?? JSONBytes.null)
      row.add("value", drift?.value)
      row.add("p", drift?.p)
      row.add("statistic", drift?.statistic)
      row.add("psi", drift?.psi)
      row.add("threshold", drift?.method.threshold)
      row.add("drifted", drift?.isDrift ?? false)
      if let mean {
        row.add("reference_mean", mean.reference)
        row.add("mean", mean.current)
      } else {
        var list: [UInt8] = []
        for move in moved {
          var item = JSONRow()
          item.add("category", move.category)
          item.add("reference", move.reference)
          item.add("current", move.current)
          if !list.isEmpty { list.append(UInt8(ascii: ",")) }
          list += item.closed
        }
        row.add("moved", [UInt8(ascii: "[")] + list + [UInt8(ascii: "]")])
      }
    }
  }

  // A reader looks at three; the rest is in the log.
  private static let movedCount = 3

  /// - Parameter count: how many requests the window has; those without a value are missing.
  func measure(_ sample: FieldSample, of count: Int) -> Measured {
    if isNumeric {
      let values = sample.values
      return Measured(
        isNumeric: true, count: values.total, missing: count - values.total, drift: Drift.ofNumbers(reference: numbers, current: values, method: method),
        mean: (numbers.mean, values.mean), moved: [])
    }
    let current = sample.categories
    let names = Set(categories.keys).union(current.keys).sorted { $0.lexicographicallyPrecedes($1) }
    let counts = names.map { (reference: categories[$0] ?? 0, current: current[$0] ?? 0) }
    let total = (reference: counts.reduce(0) { $0 + $1.reference }, current: counts.reduce(0) { $0 + $1.current })
    var moved: [(category: [UInt8], reference: Double, current: Double)] = []
    if total.reference > 0, total.current > 0 {
      moved = zip(names, counts).map { ($0, Double($1.reference) / Double(total.reference), Double($1.current) / Double(total.current)) }
        .filter { $0.reference != $0.current }
      // Names are sorted, and the sort is told by them where differences are equal.
      moved.sort { a, b in
        let (x, y) = ((a.current - a.reference).magnitude, (b.current - b.reference).magnitude)
        return x != y ? x > y : a.category.lexicographicallyPrecedes(b.category)
      }
    }
    return Measured(
      isNumeric: false, count: total.current, missing: count - total.current, drift: Drift.ofCategories(counts, method: method), mean: nil,
      moved: Array(moved.prefix(Self.movedCount)))
  }
}

extension FieldSample {
  /// Whether no row has a value.
  var isEmpty: Bool { !hasNumbers && texts.isEmpty && !isFull && structures == 0 }
  var hasNumbers: Bool { !numbers.isEmpty || !counted.isEmpty }

  /// Whether a column that nobody named has a distribution to compare.
  var isComparable: Bool { !isEmpty && !isFull && structures == 0 }

  /// Whether every text is another one: ids.
  var isIdentity: Bool { !hasNumbers && texts.count >= 20 && texts.values.allSatisfy { $0 == 1 } }
}
