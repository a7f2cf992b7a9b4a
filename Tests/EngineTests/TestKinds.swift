import Diagnostics
import Readers
import Rows

@testable import Engine

/// Kinds made of closures, so that the engine is tested without any real one.
struct TestKind: StageKind {
  static let name = "test"
  static let version = 1

  var inputs: [InputPort]
  var outputs: [OutputPort]
  var work: Work
  var hasMainPort = true
  var publishes: [Engine.Publication] = []
  var effect = Effect.pure

  init(inputs: [InputPort], outputs: [OutputPort], work: Work) {
    self.inputs = inputs
    self.outputs = outputs
    self.work = work
  }

  init(_ stage: any StageReading) throws(Problems) { preconditionFailure("test kinds are made by tests") }
}

enum TestStages {
  static func stage(_ name: String, _ kind: TestKind, fields: [(name: String, value: String)] = []) -> Stage {
    Stage(
      name: name, kindName: "test", kind: kind, keyFields: [("role", "\"\(role(name))\"")] + fields, keyFiles: [], settings: StageSettings(), desc: nil, tags: [],
      isImplicit: false, range: nil, matrixOf: nil)
  }

  /// What a stage does is its name up to a dash: a renamed stage (`copy-2`) has the same key.
  private static func role(_ name: String) -> String { String(name.prefix { $0 != "-" }) }

  static func from(_ stage: String, _ port: String? = nil) -> InputSource { .port(PortReference(stage: stage, port: port)) }

  /// Reads JSON Lines files.
  static func read(_ name: String, _ pattern: String) -> Stage {
    let outside = OutsideSource(origin: .files(pattern: pattern), format: .jsonl, seesNames: false)
    let work = ChunkWork { (input, writer) throws(TaskFailure) in
      for (ordinal, chunk) in input.chunks.enumerated() {
        let parsed = RecordParser(context: chunk.context).parse(chunk.bytes)
        if let bad = parsed.bad.first {
          throw TaskFailure(
            id: "bad-record", message: bad.message,
            record: RecordPlace(chunk: ordinal, lines: bad.line, column: bad.column, excerpt: String(decoding: bad.excerpt, as: UTF8.self)))
        }
        try parsed.rows.forEachRow { (row, bytes) throws(TaskFailure) in
          try writer.emit(from: RowParent(chunk: ordinal, row: Int(parsed.records[row])), row: bytes)
        }
      }
    }
    return stage(
      name, TestKind(inputs: [InputPort(name: "from", reading: .source, sources: [.outside(outside)], range: nil)], outputs: [OutputPort("rows")], work: .eachChunk(work))
    )
  }

  /// Adds a field to every row; drops those whose key ends with 7; looks labels up where there are some.
  static func mark(_ name: String, from source: [InputSource], labels: String? = nil, mark: String = "x") -> Stage {
    let key = RowKey(columns: ["id"])
    var inputs = [InputPort(name: "from", reading: .stream, sources: source, range: nil)]
    if let labels {
      let reading = KeyedReading(key: ["id"], fields: ["label"]) { chunk throws(TaskFailure) in
        var hashes: [UInt64] = []
        chunk.rows.forEachRow { (_, row) in if let text = try? key.text(of: row) { hashes.append(SideKey.hash(text)) } }
        return hashes
      }
      inputs.append(InputPort(name: "labels", reading: .keyed(reading), sources: [from(labels)], range: nil))
    }
    let token = JSONText.quoted("label")
    let work = ChunkWork { (input, writer) throws(TaskFailure) in
      let side = input.side("labels")
      for (ordinal, chunk) in input.chunks.enumerated() {
        try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
          let parent = RowParent(chunk: ordinal, row: row)
          let text: [UInt8]
          do throws(RowKey.Failure) { text = try key.text(of: bytes) } catch { throw TaskFailure(id: "key", message: "no key") }
          if text.last == UInt8(ascii: "7") { return writer.drop(parent, because: "seven") }
          try writer.emit(from: parent) { (out) throws(TaskFailure) in
            out.append(contentsOf: bytes.dropLast())
            out += Array(",\"mark\":\"\(mark)\"".utf8)
            for row in side.lookup(text) {
              let value = row.bytes.withUnsafeBytes { raw in JSONScanner.value(of: token, in: raw).map { Array(raw[$0]) } } ?? Array("null".utf8)
              out += Array(",\"label\":".utf8) + value
            }
            out.append(UInt8(ascii: "}"))
          }
        }
      }
    }
    return stage(name, TestKind(inputs: inputs, outputs: [OutputPort("rows")], work: .eachChunk(work)), fields: [("mark", "\"\(mark)\"")])
  }

  /// Writes rows to two files by the parity of their keys.
  static func write(_ name: String, from source: InputSource, folder: String = "Outputs") -> Stage {
    let key = RowKey(columns: ["id"])
    let work = ChunkWork { (input, writer) throws(TaskFailure) in
      for (ordinal, chunk) in input.chunks.enumerated() {
        try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
          let side = ((try? key.text(of: bytes))?.last ?? 0) % 2 == 0 ? 0 : 1
          try writer.emit(to: side, from: RowParent(chunk: ordinal, row: row), row: bytes)
          try writer.emit(to: side + 2, from: RowParent(chunk: ordinal, row: row), row: bytes)
        }
      }
    }
    var kind = TestKind(
      inputs: [InputPort(name: "from", reading: .stream, sources: [source], range: nil)],
      outputs: [
        OutputPort("even"), OutputPort("odd"), OutputPort("even.lines", isKept: true, isPublic: false), OutputPort("odd.lines", isKept: true, isPublic: false),
      ], work: .eachChunk(work))
    kind.hasMainPort = false
    kind.publishes = [
      Publication(path: "\(folder)/even.jsonl", port: "even.lines", rowsPort: "even"), Publication(path: "\(folder)/odd.jsonl", port: "odd.lines", rowsPort: "odd"),
    ]
    return stage(name, kind)
  }

  /// Counts rows chunk by chunk, then sums.
  static func count(_ name: String, from source: InputSource) -> Stage {
    let work = ReduceWork(
      partial: { (_, chunk) throws(TaskFailure) in
        var writer = ByteWriter()
        writer.number(chunk.rows.rowCount)
        return writer.bytes
      },
      merge: { (partials, writer) throws(TaskFailure) in
        var sum = 0
        for partial in partials {
          var reader = ByteReader(partial.partial)
          sum += (try? reader.number()) ?? 0
        }
        try writer.emit(from: .unknown(0)) { (out) throws(TaskFailure) in out += Array("{\"rows\":\(sum)}".utf8) }
      })
    return stage(
      name, TestKind(inputs: [InputPort(name: "from", reading: .stream, sources: [source], range: nil)], outputs: [OutputPort("rows")], work: .reduce(work)))
  }
}
