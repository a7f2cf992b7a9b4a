internal import Engine
internal import Processes
internal import Rows

/// Checks the lines that a program answers with, and makes rows of them.
struct ExecLines {
  /// More of a bad line than this helps nobody.
  static let excerptBytes = 200

  let command: StageCommand
  /// `standard output`, or the output file's port.
  let from: String
  private(set) var lineNumber = 0
  private var row: [UInt8] = []

  init(_ command: StageCommand, from: String = "standard output") {
    self.command = command
    self.from = from
  }

  /// Gives the row of a line, and the line's number, to `body`; blank lines are passed over.
  mutating func take(_ line: UnsafeRawBufferPointer, _ body: (Int, UnsafeRawBufferPointer) throws(TaskFailure) -> Void) throws(TaskFailure) {
    lineNumber += 1
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
    row.removeAll(keepingCapacity: true)
    do {
      try JSONValidator.appendObject(line, to: &row)
    } catch {
      throw Self.notJSON(line, error, where: "line \(lineNumber) of \(from)")
    }
    let number = lineNumber
    try Self.lend(row) { (row) throws(TaskFailure) in try body(number, row) }
  }

  static func notJSON(_ line: UnsafeRawBufferPointer, _ error: JSONError, where place: String) -> TaskFailure {
    let start = max(0, min(error.offset - excerptBytes / 2, line.count - excerptBytes))
    let end = min(line.count, start + excerptBytes)
    let excerpt = (start > 0 ? "…" : "") + String(decoding: line[start..<end], as: UTF8.self) + (end < line.count ? "…" : "")
    return TaskFailure(
      id: "exec-output", message: "\(place) is not a JSON object: \(error.message)",
      help: "print one JSON object a line; everything else belongs on standard error", notes: [("line", excerpt)])
  }

  static func lend(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(TaskFailure) -> Void) throws(TaskFailure) {
    try bytes.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
      do throws(TaskFailure) { return .success(try body(bytes)) } catch { return .failure(error) }
    }.get()
  }
}

/// Finds the input row of an output row by the key that both have.
struct ExecLineage {
  private let key: RowKey?
  // Hashes, not texts: ten million rows must fit. Two keys of one hash (one in 10⁵ tables of that size) would only blur a trace.
  private var parents: [UInt64: UInt64] = [:]
  private var seen: [UInt64: Int] = [:]
  private var unknowns = 0

  init(rowKey: [String]) { key = rowKey.isEmpty ? nil : RowKey(columns: rowKey) }

  /// Remembers the rows of an input chunk.
  /// - Parameter rows: which rows of the chunk these are; nil when they are all of them.
  mutating func add(_ chunk: Chunk, port: Int, ordinal: Int, rows: [Int]? = nil) {
    guard let key else { return }
    chunk.forEachRow { row, bytes in
      guard let text = try? key.text(of: bytes) else { return }
      let place = UInt64(port) << 56 | UInt64(ordinal) << 28 | UInt64(rows?[row] ?? row)
      parents[SideKey.hash(text)] = parents[SideKey.hash(text)] ?? place
    }
  }

  /// The parent of an output row; unknown when no input row has its key.
  mutating func parent(of row: UnsafeRawBufferPointer, _ writer: TaskWriter) -> RowParent {
    if let key, let text = try? key.text(of: row), let place = parents[SideKey.hash(text)] {
      return RowParent(port: Int(place >> 56), chunk: Int(place >> 28 & 0xFFF_FFFF), row: Int(place & 0xFFF_FFFF))
    }
    defer { unknowns += 1 }
    writer.count("lineage.unknown")
    return .unknown(unknowns)
  }

  /// Checks that an output row has a key of its own.
  mutating func checkKey(of row: UnsafeRawBufferPointer, line: Int, from: String) throws(TaskFailure) {
    guard let key else { return }
    let text: [UInt8]
    do {
      text = try key.text(of: row)
    } catch {
      let what =
        switch error {
        case .missing(let column): "has no column `\(column)`"
        case .null(let column): "has null in `\(column)`"
        }
      throw TaskFailure(
        id: "row-key", message: "line \(line) of \(from) \(what), which is its row_key", help: "give each row its key, or leave `row_key` out",
        notes: [("line", String(decoding: row.prefix(ExecLines.excerptBytes), as: UTF8.self))])
    }
    if let first = seen.updateValue(line, forKey: SideKey.hash(text)) {
      throw TaskFailure(
        id: "row-key", message: "lines \(first) and \(line) of \(from) have the same row_key `\(key.label(of: row))`",
        help: "a row_key is unique; several answers to one row need a key of their own")
    }
  }
}
