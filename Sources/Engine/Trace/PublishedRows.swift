import Rows

/// Rows of a published file, which need not be lines: a quoted cell of a CSV file may hold newlines.
enum PublishedRows {
  /// The rows in a chunk of such a file, of which so many were written.
  static func chunk(_ bytes: [UInt8], rows: Int) throws(TaskFailure) -> Chunk {
    let lines = Chunk(bytes: bytes)
    if lines.rowCount == rows { return lines }
    var ends: [Int32] = []
    var isQuoted = false
    for (at, byte) in bytes.enumerated() {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() } else if byte == 0x0A, !isQuoted { ends.append(Int32(at + 1)) }
    }
    guard ends.count == rows else { throw TaskFailure(id: "no-row", message: "the lines of this file are not rows: it is one piece") }
    return Chunk(bytes: bytes, rowEnds: ends)
  }
}
