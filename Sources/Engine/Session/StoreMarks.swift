public import Rows
public import Store

/// Finds what a store still needs: everything that leads from a stage's key to its rows.
///
/// What it overlooks is no loss, since it would be made again; but for snapshots of the outside world, which are all kept.
public struct StoreMarks {
  private let store: Store
  private var marks: GarbageCollector.Marks

  /// - Parameter marks: what is marked so far.
  public init(_ store: Store, _ marks: GarbageCollector.Marks = .init()) {
    self.store = store
    self.marks = marks
  }

  /// The marks, to be handed to the collector.
  public var result: GarbageCollector.Marks { marks }

  /// Keeps what stages of these keys made: results, tasks, chunks.
  public mutating func keep(stageKeys keys: [Digest]) throws {
    for key in keys where marks.entry(.stageResult, key) {
      marks.entry(.preImage, key)
      guard let bytes = try store.entry(.stageResult, key), let result = try? StageResult(decoding: bytes) else { continue }
      for port in result.ports where marks.blob(port.content) { try keep(chunkList: port.content) }
      guard marks.blob(result.tasks), let list = try store.get(result.tasks), let tasks = try? TaskList(decoding: list) else { continue }
      for entry in tasks.entries { marks.entry(.action, entry.key) }
    }
  }

  /// Keeps what a lock describes, its snapshots included.
  public mutating func keep(_ lock: LockFile) throws {
    try keep(stageKeys: lock.stages.map(\.key))
    for output in lock.outputs where marks.blob(output.content) { try keep(chunkList: output.content) }
    for pin in lock.pins {
      marks.entry(.pin, pin.request)
      marks.blob(pin.digest)
    }
  }

  /// Keeps what a manifest's last runs made and its lock describes.
  public mutating func keep(_ session: Session) throws {
    marks.entry(.lastKeys, session.identity)
    try keep(stageKeys: Array(session.lastKeys().values))
    if let lock = session.lock {
      try keep(lock)
      for file in lock.files { marks.entry(.published, Digest.of(file.path)) }
    }
  }

  private mutating func keep(chunkList digest: Digest) throws {
    guard let bytes = try store.get(digest) else { return }
    var reader = ByteReader(bytes)
    for chunk in (try? ChunkList.decode(from: &reader)) ?? [] { marks.blob(chunk.digest) }
  }
}
