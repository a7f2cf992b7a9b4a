package import Rows

/// A chunk of a table while a run lasts: what it is, and how its bytes can be had again.
package struct TableChunk: Sendable {
  /// Which task of the producing stage made it, and as which chunk of its output; or where it lies in a source.
  package enum Origin: Sendable {
    case task(ordinal: Int, index: Int)
    case raw(file: Int, entry: Int)
  }

  package let ref: ChunkRef
  /// What parsing needs beside the bytes; only raw chunks have it.
  package let context: [UInt8]
  package let origin: Origin
}

/// One output of a stage (or one source) while a run lasts: a growing list of chunks, complete in the end.
///
/// Mutable state of the scheduler: touched only under its lock.
package final class TableRun {
  package let stage: Int
  package let port: Int
  package internal(set) var chunks: [TableChunk] = []
  package internal(set) var isComplete = false
  /// Known when complete.
  package internal(set) var content: Digest?
  package internal(set) var lineage: Digest?
  package internal(set) var rows = 0
  package internal(set) var bytes = 0
  /// False while only the content digest of a cached table has been read.
  package internal(set) var isLoaded = true

  init(stage: Int, port: Int) {
    self.stage = stage
    self.port = port
  }

  func append(_ chunk: TableChunk) {
    chunks.append(chunk)
    rows += chunk.ref.rows
    bytes += chunk.ref.bytes
  }

  /// The content digest of what is there.
  func computeContent() -> Digest {
    if chunks.contains(where: { !$0.context.isEmpty }) {
      var writer = ByteWriter()
      for chunk in chunks {
        writer.digest(chunk.ref.digest)
        writer.blob(chunk.context)
      }
      return Digest.of(writer.bytes)
    }
    return Digest.of(ChunkList.encode(chunks.map(\.ref)))
  }
}

/// A chunk in its table: what tasks refer to.
package struct ChunkPlace: Hashable, Sendable {
  let table: ObjectIdentifier
  let ordinal: Int
}

/// Bytes of chunks on their way from the task that made them to the tasks that read them.
///
/// Bounded: beyond the budget a chunk goes to the store instead, so memory does not grow with the data.
final class InFlightChunks: @unchecked Sendable {
  private struct Entry {
    let bytes: [UInt8]
    var uses: Int
  }

  private let monitor = Monitor()
  private var entries: [ChunkPlace: Entry] = [:]
  private var held = 0
  private let budget: Int

  init(budget: Int) { self.budget = budget }

  /// Bytes held now.
  var heldBytes: Int { monitor.locked { held } }

  /// Takes a chunk that `uses` tasks will read; false when the budget is spent.
  func offer(_ place: ChunkPlace, _ bytes: [UInt8], uses: Int) -> Bool {
    monitor.locked {
      guard held + bytes.count <= budget || entries.isEmpty else { return false }
      entries[place] = Entry(bytes: bytes, uses: uses)
      held += bytes.count
      return true
    }
  }

  /// The bytes, for one of the uses.
  func take(_ place: ChunkPlace) -> [UInt8]? {
    monitor.locked {
      guard var entry = entries[place] else { return nil }
      entry.uses -= 1
      if entry.uses <= 0 {
        entries[place] = nil
        held -= entry.bytes.count
      } else {
        entries[place] = entry
      }
      return entry.bytes
    }
  }

  /// One use less: the task was cached and needs no bytes.
  func forgo(_ place: ChunkPlace) { _ = take(place) }

  /// Looks without using up.
  func peek(_ place: ChunkPlace) -> [UInt8]? { monitor.locked { entries[place]?.bytes } }
}

/// Chunks that were made again, by their digests, until there are too many bytes of them: then the first that came goes first.
final class ChunksMadeAgain: @unchecked Sendable {
  private let monitor = Monitor()
  private var bytes: [Digest: [UInt8]] = [:]
  private var order: [Digest] = []
  private var oldest = 0
  private var held = 0
  private let budget: Int

  init(budget: Int) { self.budget = budget }

  func find(_ digest: Digest) -> [UInt8]? { budget == 0 ? nil : monitor.locked { bytes[digest] } }

  func keep(_ digest: Digest, _ chunk: [UInt8]) {
    guard chunk.count <= budget else { return }
    monitor.locked {
      guard bytes.updateValue(chunk, forKey: digest) == nil else { return }
      order.append(digest)
      held += chunk.count
      while held > budget {
        held -= bytes.removeValue(forKey: order[oldest])!.count
        oldest += 1
      }
    }
  }
}
