package import Rows

/// Where a task puts its rows, its dropped rows and its counts.
///
/// There is no way to write a row without saying where it came from. Rows of each output are cut into chunks by the table rule as
/// they arrive; a finished chunk is digested and handed over at once, so a task never holds more than one open chunk per output.
public final class TaskWriter {
  /// One output while it is being written.
  struct Output {
    var buffer: [UInt8] = []
    var cutter = ChunkCutter()
    var cuts: [ChunkCutter.Cut] = []
    var chunks: [ChunkRef] = []
    var map = RowMap()
  }

  private var outputs: [Output]
  /// Rows dropped, by reason, in the order first met.
  private(set) var drops = DropLog()
  /// Sums for `expect` and the summary, by name.
  private(set) var facts: [String: Int] = [:]
  /// What the task measured; empty when it did not.
  private(set) var figures = StageFigures()
  private let deliver: (_ port: Int, ChunkRef, [UInt8]) throws(TaskFailure) -> Void

  /// - Parameter deliver: takes each finished chunk with its bytes.
  package init(outputs: Int, deliver: @escaping (_ port: Int, ChunkRef, [UInt8]) throws(TaskFailure) -> Void) {
    self.outputs = Array(repeating: Output(), count: outputs)
    self.deliver = deliver
  }

  /// Writes one row: `write` appends a compact JSON object (or, for published lines, any line) without the newline.
  public func emit(
    to port: Int = 0, from parent: RowParent, also others: [RowParent] = [], _ write: (inout [UInt8]) throws(TaskFailure) -> Void
  ) throws(TaskFailure) {
    let start = outputs[port].buffer.count
    do {
      try write(&outputs[port].buffer)
    } catch {
      outputs[port].buffer.removeSubrange(start...)
      throw error
    }
    outputs[port].buffer.append(0x0A)
    try endRow(port, start: start, parent, others)
  }

  /// Writes one row whose bytes are already made.
  public func emit(
    to port: Int = 0, from parent: RowParent, also others: [RowParent] = [], row: UnsafeRawBufferPointer
  ) throws(TaskFailure) {
    let start = outputs[port].buffer.count
    outputs[port].buffer.append(contentsOf: row)
    outputs[port].buffer.append(0x0A)
    try endRow(port, start: start, parent, others)
  }

  /// Hands the rows of a task's only chunk on as they are, each from itself.
  ///
  /// The same chunks as by writing every row, since they were cut by the same rule from the same beginning; but no byte is touched.
  public func pass(_ chunk: InputChunk, to port: Int = 0) throws(TaskFailure) {
    guard let ref = chunk.ref, outputs[port].chunks.isEmpty, outputs[port].buffer.isEmpty else {
      try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in try emit(to: port, from: RowParent(chunk: 0, row: row), row: bytes) }
      return
    }
    outputs[port].map.append(RowParent(chunk: 0, row: 0), count: ref.rows)
    outputs[port].chunks.append(ref)
    try deliver(port, ref, chunk.bytes)
  }

  /// Writes a piece of a file that is no table: the bytes as they are, no newline added. The file is its pieces in order.
  public func emit(to port: Int, from parent: RowParent, piece: UnsafeRawBufferPointer) throws(TaskFailure) {
    guard piece.count > 0 else { return }
    let start = outputs[port].buffer.count
    outputs[port].buffer.append(contentsOf: piece)
    try endRow(port, start: start, parent, [])
  }

  private func endRow(_ port: Int, start: Int, _ parent: RowParent, _ others: [RowParent]) throws(TaskFailure) {
    let end = outputs[port].buffer.count
    let hash = outputs[port].buffer.withUnsafeBytes { XXHash64.hash(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    outputs[port].map.append(parent, also: others)
    // Through a variable: both are parts of one element of `outputs`.
    var cuts = outputs[port].cuts
    outputs[port].cutter.add(digest: hash, bytes: end - start, into: &cuts)
    outputs[port].cuts = cuts
    if !outputs[port].cuts.isEmpty { try takeCuts(port) }
  }

  /// Leaves a row out, and says why: the reason is counted, shown, and kept with the row's position.
  public func drop(_ parent: RowParent, because reason: String) { drops.append(parent, reason) }

  /// Adds to a sum that `expect` and the summary can name.
  public func count(_ fact: String, _ by: Int = 1) { facts[fact, default: 0] += by }

  /// Records what the task measured: for the one task of `wholeInput` work, or the merge of `reduce` work. Again replaces it.
  public func record(_ figures: StageFigures) { self.figures = figures }

  private func takeCuts(_ port: Int) throws(TaskFailure) {
    var at = 0
    for cut in outputs[port].cuts {
      let bytes = Array(outputs[port].buffer[at..<(at + cut.bytes)])
      at += cut.bytes
      let ref = ChunkRef(digest: Digest.of(bytes), bytes: cut.bytes, rows: cut.rows)
      outputs[port].chunks.append(ref)
      try deliver(port, ref, bytes)
    }
    outputs[port].cuts.removeAll(keepingCapacity: true)
    outputs[port].buffer.removeSubrange(..<at)
  }

  /// Ends every output and returns what the task made.
  package func finish() throws(TaskFailure) -> TaskResult {
    var ports: [TaskResult.Port] = []
    for port in outputs.indices {
      if let last = outputs[port].cutter.finish() {
        outputs[port].cuts.append(last)
        try takeCuts(port)
      }
      ports.append(TaskResult.Port(chunks: outputs[port].chunks, map: outputs[port].map))
    }
    return TaskResult(ports: ports, drops: drops, facts: facts.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }, figures: figures)
  }
}
