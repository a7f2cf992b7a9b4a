package import Rows

/// What a task made: chunks and a row map per output, dropped rows, sums. This is what the action cache keeps under the task's key.
package struct TaskResult: Sendable, Equatable {
  package struct Port: Sendable, Equatable {
    package var chunks: [ChunkRef]
    package var map: RowMap
  }

  package var ports: [Port]
  package var drops: DropLog
  package var facts: [(name: String, sum: Int)]
  package var figures: StageFigures

  package static func == (a: TaskResult, b: TaskResult) -> Bool {
    a.ports == b.ports && a.drops == b.drops && a.facts.elementsEqual(b.facts, by: ==) && a.figures == b.figures
  }

  package func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(ports.count)
    for port in ports {
      ChunkList.encode(port.chunks, into: &writer)
      port.map.encode(into: &writer)
    }
    drops.encode(into: &writer)
    writer.number(facts.count)
    for fact in facts {
      writer.text(fact.name)
      writer.number(fact.sum)
    }
    figures.encode(into: &writer)
    return writer.bytes
  }

  package init(ports: [Port], drops: DropLog, facts: [(name: String, sum: Int)], figures: StageFigures = StageFigures()) {
    self.ports = ports
    self.drops = drops
    self.facts = facts
    self.figures = figures
  }

  package init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    ports = []
    for _ in 0..<(try reader.count()) {
      let chunks = try ChunkList.decode(from: &reader)
      ports.append(Port(chunks: chunks, map: try RowMap(from: &reader)))
    }
    drops = try DropLog(from: &reader)
    facts = []
    for _ in 0..<(try reader.count()) { facts.append((try reader.text(), try reader.number())) }
    figures = try StageFigures(from: &reader)
    guard reader.isAtEnd else { throw ByteReader.Malformed() }
  }
}

extension StageFigures {
  /// At the end of a result: nothing at all when there are none.
  func encode(into writer: inout ByteWriter) { if !isEmpty { writer.blob(json) } }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    self.init()
    guard !reader.isAtEnd else { return }
    guard let read = StageFigures(json: try reader.blob()) else { throw ByteReader.Malformed() }
    self = read
  }
}

/// A table's chunks in order. Its encoded bytes are a blob, and that blob's digest is the table's content digest.
package enum ChunkList {
  package static func encode(_ chunks: [ChunkRef], into writer: inout ByteWriter) {
    writer.number(chunks.count)
    for chunk in chunks {
      writer.digest(chunk.digest)
      writer.number(chunk.bytes)
      writer.number(chunk.rows)
    }
  }

  package static func encode(_ chunks: [ChunkRef]) -> [UInt8] {
    var writer = ByteWriter()
    encode(chunks, into: &writer)
    return writer.bytes
  }

  package static func decode(from reader: inout ByteReader) throws(ByteReader.Malformed) -> [ChunkRef] {
    var chunks: [ChunkRef] = []
    for _ in 0..<(try reader.count()) {
      chunks.append(ChunkRef(digest: try reader.digest(), bytes: try reader.number(), rows: try reader.number()))
    }
    return chunks
  }
}
