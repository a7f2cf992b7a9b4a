import Rows

/// SHA-256 of a file's pieces, on a thread of its own: hashing takes as long as reading and writing together.
final class PieceDigest: @unchecked Sendable {
  /// Fewer bytes than this are hashed where they come from.
  private static let worthAThread = 4 << 20
  /// So many pieces may wait: they are chunks, and memory is bounded.
  private static let waitingLimit = 8

  private let monitor = Monitor()
  private let hasThread: Bool
  // Under the monitor.
  private var waiting: [[UInt8]] = []
  private var isEnded = false
  private var digest: Digest?
  // Without a thread, of the caller alone.
  private var builder = DigestBuilder()

  /// - Parameter bytes: how many there will be.
  init(bytes: Int, workers: Int) {
    hasThread = workers > 1 && bytes >= Self.worthAThread
    if hasThread { WorkerThreads.start { self.work() } }
  }

  private func work() {
    var builder = DigestBuilder()
    while true {
      let pieces = monitor.locked {
        while waiting.isEmpty, !isEnded { monitor.wait() }
        defer { waiting = [] }
        monitor.wakeAll()
        return waiting
      }
      if pieces.isEmpty { break }
      for piece in pieces { builder.update(piece) }
    }
    monitor.locked {
      digest = builder.finish()
      monitor.wakeAll()
    }
  }

  func update(_ piece: [UInt8]) {
    guard hasThread else { return builder.update(piece) }
    guard !piece.isEmpty else { return }
    monitor.locked {
      while waiting.count >= Self.waitingLimit { monitor.wait() }
      waiting.append(piece)
      monitor.wakeAll()
    }
  }

  /// Lets the thread end; also where nobody wants the digest any more.
  func end() {
    monitor.locked {
      isEnded = true
      monitor.wakeAll()
    }
  }

  /// The digest of all pieces.
  func finish() -> Digest {
    guard hasThread else { return builder.finish() }
    end()
    return monitor.locked {
      while digest == nil { monitor.wait() }
      return digest!
    }
  }
}
