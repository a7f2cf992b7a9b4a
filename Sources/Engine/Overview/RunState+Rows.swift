import Diagnostics
import Rows

extension RunState {
  /// So many chunks of a table are read for counts over its rows: some ten megabytes.
  private static let maximumChunks = 64

  /// The names of rows of an output, from the first on: (names, whether that is all of them).
  package func names(stage: Int, port name: String, limit: Int) -> [String] {
    guard let (run, port, table) = table(stage, name) else { return [] }
    var names: [String] = []
    let rowKey = run.stage.kind.outputs[port].traits.rowKey
    attempt(run) { () throws(TaskFailure) in
      try self.side.scheduler.load(table)
      for chunk in table.chunks.indices where names.count < limit {
        let rows = try self.side.chunk(table, chunk)
        for row in 0..<rows.rowCount where names.count < limit {
          let bytes = Array(rows.bytes[rows.range(ofRow: row)])
          names.append(self.privacy.key(self.side.tracer.label(run, port, bytes), rowKey, bytes))
        }
      }
    }
    return names
  }

  /// Rows of a small table (figures, annotators, a confusion matrix), from the first on.
  package func rows(stage: Int, port name: String, limit: Int) -> [[UInt8]] {
    guard let (run, _, table) = table(stage, name) else { return [] }
    var rows: [[UInt8]] = []
    attempt(run) { () throws(TaskFailure) in
      try self.side.scheduler.load(table)
      for chunk in table.chunks.indices where rows.count < limit {
        let here = try self.side.chunk(table, chunk)
        for row in 0..<here.rowCount where rows.count < limit { rows.append(Array(here.bytes[here.range(ofRow: row)])) }
      }
    }
    return rows
  }

  /// How often each value stands in a column, over chunks that are evenly spread when there are too many to read.
  package func counts(stage: Int, port name: String, column: String) -> (values: [(text: String, count: Int)], counted: Int)? {
    guard !privacy.covers(column), let (run, _, table) = table(stage, name) else { return nil }
    let token = JSONText.quoted(column)
    var values: [[UInt8]: Int] = [:]
    var counted = 0
    let isRead: Void? = eachChunk(run, table) { rows in
      rows.forEachRow { (_, row) in
        counted += 1
        guard let range = JSONScanner.value(of: token, in: row) else { return }
        values[Array(row[range]), default: 0] += 1
      }
    }
    guard isRead != nil else { return nil }
    let listed = values.map { (text: Self.plain($0.key), count: $0.value) }
    return (listed.sorted { $0.count != $1.count ? $0.count > $1.count : $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }, counted)
  }

  /// Label types that the rows of an output carry, each in a column of its name.
  package func labelColumns(stage: Int, port name: String) -> [String] {
    guard let (run, port, _) = table(stage, name) else { return [] }
    return run.stage.kind.outputs[port].traits.labelTypes
  }

  /// What annotators said against what became of it: by label, by vote, over chunks that are evenly spread when there are too many.
  package func votes(stage: Int) -> (counts: [(label: String, vote: String, count: Int)], rows: Int)? {
    guard let (run, _, table) = table(stage, "rows") else { return nil }
    let (label, votes) = (JSONText.quoted("label"), JSONText.quoted("votes"))
    var counts: [String: [String: Int]] = [:]
    var rows = 0
    let isRead: Void? = eachChunk(run, table) { chunk in
      chunk.forEachRow { (_, row) in
        rows += 1
        guard let place = JSONScanner.value(of: label, in: row), let given = JSONScanner.value(of: votes, in: row), row[given.lowerBound] == UInt8(ascii: "{") else {
          return
        }
        let name = Self.plain(Array(row[place]))
        for (vote, count) in FieldDiff.members(Array(row[given])) { counts[name, default: [:]][vote, default: 0] += Int(FieldDiff.text(count)) ?? 0 }
      }
    }
    guard isRead != nil else { return nil }
    var listed: [(label: String, vote: String, count: Int)] = []
    for (label, votes) in counts { for (vote, count) in votes { listed.append((label, vote, count)) } }
    return (listed.sorted { ($0.label, $0.vote) < ($1.label, $1.vote) }, rows)
  }

  /// Whether an output is a table; what the manifest has no more is taken for one.
  package func isTable(stage: Int, port name: String) -> Bool {
    run(stage)?.stage.kind.outputs.first { $0.name == name }.map { $0.content == .rows } ?? true
  }

  /// The one file that shows the rows of an output line by line, and how many lines stand before the first; nil where there is none such.
  package func publication(stage: Int, port name: String) -> (path: String, header: Int)? {
    let files = run(stage)?.stage.kind.publishes.filter { $0.rowsPort == name } ?? []
    guard files.count == 1, !files[0].rowsSpanLines else { return nil }
    return (files[0].path, Lines.count(of: files[0].header))
  }

  // MARK: reading

  private func table(_ stage: Int, _ name: String) -> (StageRun, port: Int, TableRun)? {
    guard let run = usable(stage), let port = run.stage.kind.outputs.firstIndex(where: { $0.isPublic && $0.name == name }), run.stage.kind.outputs[port].content == .rows
    else { return nil }
    return (run, port, run.outputs[port])
  }

  private func eachChunk(_ run: StageRun, _ table: TableRun, _ body: (Chunk) -> Void) -> Void? {
    attempt(run) { () throws(TaskFailure) in
      try self.side.scheduler.load(table)
      let count = min(table.chunks.count, Self.maximumChunks)
      for place in 0..<count { body(try self.side.chunk(table, place * table.chunks.count / count)) }
    }
  }

  @discardableResult
  private func attempt<T>(_ run: StageRun, _ body: () throws(TaskFailure) -> T) -> T? {
    do throws(TaskFailure) { return try body() } catch {
      note("rows of `\(run.stage.displayName)` are not shown: \(error.message)")
      return nil
    }
  }

  /// A JSON value as people write it: texts without quotes.
  private static func plain(_ value: [UInt8]) -> String {
    value.first == UInt8(ascii: "\"") ? value.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) } : FieldDiff.text(value)
  }
}
