package import Rows

/// For each row of an output, the rows of the task's input that made it.
///
/// Runs of consecutive rows with consecutive parents (the common case) are one entry, so the map of a chunk that maps one to one is
/// a few bytes. Positions are relative to the task: the map of a cached result is true wherever the result is used.
package struct RowMap: Sendable, Equatable {
  /// `count` output rows whose first parents follow one another.
  package struct Run: Sendable, Equatable {
    package var port: Int
    package var chunk: Int
    package var row: Int
    package var count: Int
  }

  /// `count` rows of one chunk, following one another, that are further parents of one output row. Small, because a merged label has
  /// every vote for a parent.
  private struct Others: Sendable, Equatable {
    var row: Int32
    var port: Int32
    var chunk: Int32
    var first: Int32
    var count: Int32
  }

  package private(set) var runs: [Run] = []
  package private(set) var rowCount = 0
  /// Further parents, by output row; nearly always empty.
  private var others: [Others] = []

  package init() {}

  mutating func append(_ parent: RowParent, also more: [RowParent]) {
    for other in more { append(other) }
    rowCount += 1
    if let last = runs.indices.last, runs[last].port == parent.port, runs[last].chunk == parent.chunk,
      runs[last].row + runs[last].count == parent.row
    {
      runs[last].count += 1
    } else {
      runs.append(Run(port: parent.port, chunk: parent.chunk, row: parent.row, count: 1))
    }
  }

  /// Appends rows whose parents follow one another from the first one on; the first rows of a map.
  mutating func append(_ first: RowParent, count: Int) {
    guard count > 0 else { return }
    rowCount += count
    runs.append(Run(port: first.port, chunk: first.chunk, row: first.row, count: count))
  }

  private mutating func append(_ other: RowParent) {
    if let last = others.indices.last, others[last].row == rowCount, others[last].port == other.port, others[last].chunk == other.chunk,
      Int(others[last].first) + Int(others[last].count) == other.row
    {
      others[last].count += 1
    } else {
      others.append(Others(row: Int32(rowCount), port: Int32(other.port), chunk: Int32(other.chunk), first: Int32(other.row), count: 1))
    }
  }

  /// The parents of an output row, first parent first.
  package func parents(of row: Int) -> [RowParent] {
    var found: [RowParent] = []
    var first = 0
    for run in runs {
      if row < first + run.count {
        found.append(RowParent(port: run.port, chunk: run.chunk, row: run.row + row - first))
        break
      }
      first += run.count
    }
    for other in others where other.row == row {
      for place in other.first..<(other.first + other.count) { found.append(RowParent(port: Int(other.port), chunk: Int(other.chunk), row: Int(place))) }
    }
    return found
  }

  /// The output rows that have this parent.
  package func children(of parent: RowParent) -> [Int] {
    var found: [Int] = []
    var first = 0
    for run in runs {
      if run.port == parent.port, run.chunk == parent.chunk, parent.row >= run.row, parent.row < run.row + run.count {
        found.append(first + parent.row - run.row)
      }
      first += run.count
    }
    for other in others where other.port == parent.port && other.chunk == parent.chunk {
      if parent.row >= other.first, parent.row < other.first + other.count { found.append(Int(other.row)) }
    }
    return found
  }

  /// The output rows one of whose parents is wanted, in order.
  func children(where isWanted: (RowParent) -> Bool) -> [Int] {
    var found: [Int] = []
    var first = 0
    for run in runs {
      for offset in 0..<run.count where isWanted(RowParent(port: run.port, chunk: run.chunk, row: run.row + offset)) { found.append(first + offset) }
      first += run.count
    }
    guard !others.isEmpty else { return found }
    var more: Set<Int> = []
    for other in others {
      for place in other.first..<(other.first + other.count) where isWanted(RowParent(port: Int(other.port), chunk: Int(other.chunk), row: Int(place))) {
        more.insert(Int(other.row))
        break
      }
    }
    return more.isEmpty ? found : Array(more.union(found)).sorted()
  }

  package func encode(into writer: inout ByteWriter) {
    writer.number(runs.count)
    for run in runs {
      writer.number(run.port)
      writer.number(run.chunk)
      writer.number(run.row)
      writer.number(run.count)
    }
    writer.number(others.count)
    for other in others { for number in [other.row, other.port, other.chunk, other.first, other.count] { writer.number(Int(number)) } }
  }

  package init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    for _ in 0..<(try reader.count()) {
      let run = Run(port: try reader.number(), chunk: try reader.number(), row: try reader.number(), count: try reader.number())
      runs.append(run)
      rowCount += run.count
    }
    for _ in 0..<(try reader.count()) {
      let other = Others(
        row: try RowMap.small(&reader), port: try RowMap.small(&reader), chunk: try RowMap.small(&reader), first: try RowMap.small(&reader),
        count: try RowMap.small(&reader))
      others.append(other)
    }
  }

  /// A number of which two fit into 32 bits.
  private static func small(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> Int32 {
    let number = try reader.number()
    guard number <= Int(Int32.max) / 2 else { throw ByteReader.Malformed() }
    return Int32(number)
  }
}

/// The rows that a task left out, and why.
package struct DropLog: Sendable, Equatable {
  package private(set) var reasons: [String] = []
  package private(set) var rows: [(parent: RowParent, reason: Int)] = []

  package init() {}

  package static func == (a: DropLog, b: DropLog) -> Bool { a.reasons == b.reasons && a.rows.elementsEqual(b.rows, by: ==) }

  mutating func append(_ parent: RowParent, _ reason: String) {
    let index: Int
    if let known = reasons.firstIndex(of: reason) {
      index = known
    } else {
      index = reasons.count
      reasons.append(reason)
    }
    rows.append((parent, index))
  }

  /// Rows dropped by reason.
  package var counts: [(reason: String, count: Int)] {
    var counts = Array(repeating: 0, count: reasons.count)
    for row in rows { counts[row.reason] += 1 }
    return zip(reasons, counts).map { ($0, $1) }
  }

  package func encode(into writer: inout ByteWriter) {
    writer.number(reasons.count)
    for reason in reasons { writer.text(reason) }
    writer.number(rows.count)
    for row in rows {
      writer.number(row.parent.port)
      writer.number(row.parent.chunk)
      writer.number(row.parent.row)
      writer.number(row.reason)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    for _ in 0..<(try reader.count()) { reasons.append(try reader.text()) }
    for _ in 0..<(try reader.count()) {
      let parent = RowParent(port: try reader.number(), chunk: try reader.number(), row: try reader.number())
      let reason = try reader.number()
      guard reason < reasons.count else { throw ByteReader.Malformed() }
      rows.append((parent, reason))
    }
  }
}
