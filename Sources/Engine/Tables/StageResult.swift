package import Rows

/// What a finished stage came to: the entry that the store keeps under the stage's key. A run with nothing to do reads one of
/// these per stage, and nothing else.
package struct StageResult: Sendable, Equatable {
  package struct Port: Sendable, Equatable {
    /// Digest of the chunk list, which is a blob of the store.
    package var content: Digest
    /// Digest of content and row maps: changes when only lineage did; in no key.
    package var lineage: Digest
    package var rows: Int
    package var bytes: Int
  }

  package var ports: [Port]
  /// The blob with the key of each task and its chunk counts.
  package var tasks: Digest
  package var taskCount: Int
  package var rowsIn: Int
  package var drops: [(reason: String, count: Int)]
  package var facts: [(name: String, sum: Int)]
  /// What its one task (or its merge) measured.
  package var figures: StageFigures

  package static func == (a: StageResult, b: StageResult) -> Bool { a.encode() == b.encode() }

  package init(
    ports: [Port], tasks: Digest, taskCount: Int, rowsIn: Int, drops: [(reason: String, count: Int)], facts: [(name: String, sum: Int)],
    figures: StageFigures = StageFigures()
  ) {
    self.ports = ports
    self.tasks = tasks
    self.taskCount = taskCount
    self.rowsIn = rowsIn
    self.drops = drops
    self.facts = facts
    self.figures = figures
  }

  package func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(ports.count)
    for port in ports {
      writer.digest(port.content)
      writer.digest(port.lineage)
      writer.number(port.rows)
      writer.number(port.bytes)
    }
    writer.digest(tasks)
    writer.number(taskCount)
    writer.number(rowsIn)
    writer.number(drops.count)
    for drop in drops {
      writer.text(drop.reason)
      writer.number(drop.count)
    }
    writer.number(facts.count)
    for fact in facts {
      writer.text(fact.name)
      writer.number(fact.sum)
    }
    figures.encode(into: &writer)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    ports = []
    for _ in 0..<(try reader.count()) {
      ports.append(Port(content: try reader.digest(), lineage: try reader.digest(), rows: try reader.number(), bytes: try reader.number()))
    }
    tasks = try reader.digest()
    taskCount = try reader.number()
    rowsIn = try reader.number()
    drops = []
    for _ in 0..<(try reader.count()) { drops.append((try reader.text(), try reader.number())) }
    facts = []
    for _ in 0..<(try reader.count()) { facts.append((try reader.text(), try reader.number())) }
    figures = try StageFigures(from: &reader)
    guard reader.isAtEnd else { throw ByteReader.Malformed() }
  }
}

/// The tasks of a finished stage, in order: the key of each, and how many chunks it added to each output.
package struct TaskList: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package var key: Digest
    package var chunks: [Int]
  }

  package var entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  package func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(entries.count)
    for entry in entries {
      writer.digest(entry.key)
      writer.number(entry.chunks.count)
      for count in entry.chunks { writer.number(count) }
    }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    entries = []
    for _ in 0..<(try reader.count()) {
      let key = try reader.digest()
      var chunks: [Int] = []
      for _ in 0..<(try reader.count()) { chunks.append(try reader.number()) }
      entries.append(Entry(key: key, chunks: chunks))
    }
  }
}
