import Diagnostics
import Engine
import Readers
import Rows
import Stages

/// The kinds under test, and a small reader of JSON Lines and CSV in the place of `ingest`, so that these tests depend on one kind at a time.
enum TestKinds {
  static let all: [String: any StageKind.Type] = [
    "ingest": PlainIngest.self, "assemble": AssembleKind.self, "export": ExportKind.self, "exec": ExecKind.self, "monitor": MonitorKind.self,
  ]
}

struct PlainIngest: StageKind {
  static let name = "ingest"
  static let version = 1
  let inputs: [InputPort]
  let outputs: [OutputPort]

  init(_ stage: any StageReading) throws(Problems) {
    guard let from = stage.setting("from"), let pattern = from.texts.first else { preconditionFailure("a path") }
    let format: RecordFormat = pattern.hasSuffix(".csv") ? .csv(CSVDialect()) : .jsonl
    let source = OutsideSource(origin: .files(pattern: pattern), format: format, seesNames: false)
    inputs = [InputPort(name: "from", reading: .source, sources: [.outside(source)], range: from.range)]
    outputs = [
      OutputPort("rows", traits: TableTraits(rowKey: stage.setting("row_key")?.texts ?? [], sheet: stage.setting("sheet")?.text, columns: stage.setting("columns")?.map?.map(\.name)))
    ]
  }

  var work: Work {
    .eachChunk(
      ChunkWork { (input, writer) throws(TaskFailure) in
        for (ordinal, chunk) in input.chunks.enumerated() {
          let parsed = RecordParser(context: chunk.context).parse(chunk.bytes)
          try parsed.rows.forEachRow { (row, bytes) throws(TaskFailure) in
            try writer.emit(from: RowParent(chunk: ordinal, row: Int(parsed.records[row])), row: bytes)
          }
        }
      })
  }
}
