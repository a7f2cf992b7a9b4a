internal import Engine
internal import Rows

/// The work of `ingest` on one chunk: records to rows, rows through the steps, bad ones set aside.
struct IngestWork: Sendable {
  let steps: RowSteps
  let sample: Sample?
  let quarantines: Bool

  func run(_ chunk: InputChunk, _ index: Int, _ input: borrowing TaskInput, _ writer: TaskWriter) throws(TaskFailure) {
    var sides: [SideRows] = []
    for join in steps.joins { sides.append(input.side(join.name)) }
    var rows = RowRun(steps, sides: sides, worker: input.worker, sample: sample)
    let cutoffs = sample?.needsPreparation == true ? SampleCutoffs(decoding: input.prepared) : nil
    var failures = FailureCollector()
    var bad = BadRows(quarantines: quarantines, chunk: index)
    let records = IngestRecords(chunk)
    try records.checkColumns(steps, index)
    try records.forEach { (ordinal, content) throws(TaskFailure) in
      let parent = RowParent(chunk: index, row: ordinal)
      switch content {
      case .bad(let record): try bad.add(records.bad(record), parent, writer)
      case .row(let row):
        do throws(RowFault) {
          try rows.run(
            row, parent, drop: { writer.drop(parent, because: $0) },
            unmatched: {
              writer.count("unmatched")
              writer.count("unmatched.\($0)")
            },
            emit: { (row, hash) throws(RowFault) in
              if let sample, try !sample.keeps(row, hash, cutoffs) { return writer.drop(parent, because: "sample") }
              do throws(TaskFailure) { try writer.emit(from: parent, row: row) } catch { throw .failure(error) }
            })
        } catch {
          switch error {
          case .bad(let message, let help): try bad.add(records.bad(ordinal, row, message, help), parent, writer)
          case .failure(var failure):
            if failure.rows.isEmpty { failure.rows = [parent] }
            failures.add(failure)
          }
        }
      }
    }
    try failures.throwFirst()
    try bad.finish()
  }

  /// The numbers of a chunk's rows, before the sample; joins are left out.
  func sampleCounts(_ chunk: InputChunk, _ sample: Sample) throws(TaskFailure) -> SampleCounts {
    var counts = SampleCounts()
    var rows = RowRun(steps, sides: nil, worker: WorkerLocal(), sample: sample)
    try IngestRecords(chunk).forEach { (ordinal, content) throws(TaskFailure) in
      guard case .row(let row) = content else { return }
      do throws(RowFault) {
        try rows.run(
          row, RowParent(chunk: 0, row: ordinal), drop: { _ in }, unmatched: { _ in },
          emit: { (row, hash) throws(RowFault) in counts.add(hash, to: try sample.stratum(of: row)) })
      } catch {
        // The chunk's own task meets the same row and says what is wrong with it.
      }
    }
    counts.trim(to: sample.limit)
    return counts
  }
}
