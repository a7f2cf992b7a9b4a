import Processes
import Rows
import Store

/// Compares a finished stage with its baseline.
struct ComparisonRun {
  let baselines: Baselines
  let oversight: Oversight
  let scheduler: Scheduler

  /// What there was to compare with, and what came of it.
  enum Outcome {
    case figures(StageFigures)
    case missing(String)
  }

  func compare(_ run: StageRun, _ comparison: Comparison) throws(TaskFailure) -> Outcome {
    guard let result = run.result else { return .missing("the stage has no result") }
    let content: Digest
    let table: () throws(TaskFailure) -> WholeTable?
    switch comparison.baseline {
    case .port(let name):
      let inputs = zip(run.stage.kind.inputs, run.inputs).first { $0.0.name == name }?.1 ?? []
      var writer = ByteWriter()
      for input in inputs { writer.digest(input.content ?? input.computeContent()) }
      content = Digest.of(writer.bytes)
      table = { () throws(TaskFailure) in try scheduler.wholeTable(inputs) }
    case .named(let name):
      let port = run.stage.kind.outputs[comparison.output].name
      switch baselines.find(name, stage: run.stage.name, port: port, oversight: oversight) {
      case .missing(let reason): return .missing(reason)
      case .found(let digest, let rows):
        content = digest
        table = { () throws(TaskFailure) in try storedTable(digest, rows: rows) }
      }
    }
    let own = result.ports[comparison.output].content
    let key = key(comparison, run, own, content)
    if let bytes = (try? baselines.store.entry(.comparison, key)) ?? nil, let known = StageFigures(json: bytes) { return .figures(known) }
    guard let other = try table() else {
      return .missing(
        "the rows of `\(comparison.name)` (sha256:\(content.short)) are not in this store: run the manifest there once, or share a store with `--store`")
    }
    let figures = try comparison.compare(try scheduler.wholeTable([run.outputs[comparison.output]]), other)
    // Not kept means compared again next time; the figures are the same.
    try? baselines.store.record(.comparison, key, figures.json)
    return .figures(figures)
  }

  private func key(_ comparison: Comparison, _ run: StageRun, _ own: Digest, _ other: Digest) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-comparison-1")
    writer.text("\(type(of: run.stage.kind).name)/\(type(of: run.stage.kind).version)")
    writer.text(comparison.name)
    writer.text(comparison.settings)
    writer.digest(own)
    writer.digest(other)
    return Digest.of(writer.bytes)
  }

  /// A table that some run left in the store; nil when part of it is gone.
  private func storedTable(_ content: Digest, rows: Int) throws(TaskFailure) -> WholeTable? {
    guard rows > 0 else { return .empty }
    let store = baselines.store
    guard let list = (try? store.get(content)) ?? nil else { return nil }
    var reader = ByteReader(list)
    guard let chunks = try? ChunkList.decode(from: &reader), chunks.allSatisfy({ store.contains($0.digest) }) else { return nil }
    return WholeTable(chunkCount: chunks.count, rowCount: rows) { (ordinal) throws(TaskFailure) in
      do throws(StoreError) {
        if let bytes = try store.get(chunks[ordinal].digest) { return bytes }
      } catch { throw TaskFailure(error) }
      throw TaskFailure.lostList
    }
  }
}
