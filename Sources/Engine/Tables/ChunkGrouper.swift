package import Rows

/// Gathers runs of small chunks into tasks by content alone, so that an edit re-runs at most the groups next to it.
///
/// A pure function of the chunk list, stored nowhere: a chunk of at least ``ChunkCutter/minimumBytes`` ends its group; smaller ones
/// end it by the cutter's own rule over their digests once the group has the minimum. See Docs/Decisions/0002-chunks.md.
package struct ChunkGrouper: Sendable {
  private var bytes = 0
  private var count = 0
  /// More chunks than this never share a task: a table of empty files still has bounded tasks.
  static let maximumChunks = 1024

  package init() {}

  /// Adds a chunk and says whether its group ends with it.
  package mutating func endsGroup(digest: Digest, bytes chunkBytes: Int) -> Bool {
    bytes += chunkBytes
    count += 1
    let ends =
      chunkBytes >= ChunkCutter.minimumBytes || count >= Self.maximumChunks
      || bytes >= ChunkCutter.minimumBytes && ChunkCutter.isCut(digest: digest.prefix64, bytes: chunkBytes)
      || bytes >= ChunkCutter.maximumBytes
    if ends {
      bytes = 0
      count = 0
    }
    return ends
  }
}
