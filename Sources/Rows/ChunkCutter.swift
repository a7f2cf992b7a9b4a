/// Decides, from row ends alone, where a sequence of rows is cut into chunks.
///
/// The cut depends on content and bytes only, so that an edit moves at most the cuts next to it. A row ends a chunk when its
/// 64-bit digest is below 2⁶⁴ · min(1, bytes / 192 KiB), but never before 64 KiB; when a chunk would pass 1 MiB the cut goes to
/// the row with the smallest digest since the minimum; a row larger than that is a chunk alone. These constants are part of
/// the format (`ChunkFormat.version`), not a setting. See Docs/Decisions/0002-chunks.md.
public struct ChunkCutter: Sendable {
  /// A chunk is never cut before it has this many bytes.
  public static let minimumBytes = 64 * 1024
  /// The expected distance between two cuts, beyond the minimum.
  public static let targetBytes = 192 * 1024
  /// A chunk of more than one row is never larger.
  public static let maximumBytes = 1024 * 1024

  /// A row that may still become the forced cut of an over-long chunk.
  private struct Candidate { var digest: UInt64; var bytes: Int; var rows: Int }

  /// Bytes and rows of the chunk being gathered.
  public private(set) var bytes = 0
  public private(set) var rows = 0
  // Rows after the minimum whose digest is smaller than that of every later row, in order: the next forced cuts. Each row
  // enters and leaves once, so a forced cut costs no second pass.
  private var candidates: [Candidate] = []

  public init() {}

  /// A cut: how many rows and bytes, counted from the start of the open chunk, the finished chunk takes.
  public struct Cut: Sendable, Equatable { public let rows: Int; public let bytes: Int }

  /// Adds one row and returns the cuts that it settles, oldest first (nearly always none or one).
  public mutating func add(digest: UInt64, bytes rowBytes: Int, into cuts: inout [Cut]) {
    if rowBytes > Self.maximumBytes {
      if rows > 0 { cuts.append(takeAll()) }
      cuts.append(Cut(rows: 1, bytes: rowBytes))
      return
    }
    while bytes + rowBytes > Self.maximumBytes { cuts.append(takeForced()) }
    bytes += rowBytes
    rows += 1
    guard bytes >= Self.minimumBytes else { return }
    if Self.isCut(digest: digest, bytes: rowBytes) {
      cuts.append(takeAll())
      return
    }
    while let last = candidates.last, last.digest > digest { candidates.removeLast() }
    candidates.append(Candidate(digest: digest, bytes: bytes, rows: rows))
  }

  /// Ends the open chunk: what is left of a sequence is a chunk of its own.
  public mutating func finish() -> Cut? { rows == 0 ? nil : takeAll() }

  /// Whether a row of this digest and size ends a chunk that has reached the minimum.
  package static func isCut(digest: UInt64, bytes: Int) -> Bool {
    bytes >= targetBytes || digest < (UInt64.max / UInt64(targetBytes)) &* UInt64(bytes)
  }

  private mutating func takeAll() -> Cut {
    defer { bytes = 0; rows = 0; candidates.removeAll(keepingCapacity: true) }
    return Cut(rows: rows, bytes: bytes)
  }

  /// Cuts at the smallest digest since the minimum, or takes everything where no row lies beyond the minimum.
  private mutating func takeForced() -> Cut {
    guard let cut = candidates.first, cut.rows < rows else { return takeAll() }
    bytes -= cut.bytes
    rows -= cut.rows
    candidates.removeFirst()
    for index in candidates.indices {
      candidates[index].bytes -= cut.bytes
      candidates[index].rows -= cut.rows
    }
    // The chunk that begins here has a minimum of its own.
    candidates.removeAll { $0.bytes < Self.minimumBytes }
    return Cut(rows: cut.rows, bytes: cut.bytes)
  }
}
