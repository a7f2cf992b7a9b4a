import Rows
import Store

/// Finds what a store still needs: everything that leads from a stage's key to its rows, and what makes the next edit cheap.
struct StoreMarks {
  private let store: Store
  private(set) var result: GarbageCollector.Marks
  /// Snapshots that a lock or the store itself pins.
  private(set) var snapshots: Set<Digest> = []

  /// - Parameter marks: what is marked so far.
  init(_ store: Store, _ marks: GarbageCollector.Marks) {
    self.store = store
    self.result = marks
  }

  /// Keeps what stages of these keys made: results, tasks, chunks, and the trails of both.
  mutating func keep(stageKeys keys: some Sequence<Digest>) throws(StoreError) {
    for key in keys where result.entry(.stageResult, key) {
      result.entry(.preImage, key)
      try keep(trailOf: key)
      guard let bytes = try store.entry(.stageResult, key), let stage = try? StageResult(decoding: bytes) else { continue }
      for port in stage.ports where port.rows > 0 { try keep(chunkList: port.content) }
      guard result.blob(stage.tasks), let list = try store.get(stage.tasks), let tasks = try? TaskList(decoding: list) else { continue }
      for task in tasks.entries where result.entry(.action, task.key) { try keep(trailOf: task.key) }
    }
  }

  /// Keeps what a lock describes, its snapshots included.
  mutating func keep(_ lock: LockFile) throws(StoreError) {
    try keep(stageKeys: lock.stages.map(\.key))
    for output in lock.outputs { try keep(chunkList: output.content) }
    for pin in lock.pins { keep(snapshot: pin.digest, of: pin.request) }
  }

  /// Keeps an answer of the outside world, which nothing could make again.
  mutating func keep(snapshot digest: Digest, of request: Digest) {
    result.entry(.pin, request)
    snapshots.insert(digest)
  }

  mutating func keep(_ kind: EntryKind, _ key: Digest) { result.entry(kind, key) }

  private mutating func keep(trailOf key: Digest) throws(StoreError) {
    guard let bytes = try store.entry(.trail, key) else { return }
    result.entry(.trail, key)
    for (kind, keys) in (try? Trail(decoding: bytes))?.keys ?? [] { for key in keys { result.entry(kind, key) } }
  }

  private mutating func keep(chunkList digest: Digest) throws(StoreError) {
    guard result.blob(digest), let bytes = try store.get(digest) else { return }
    var reader = ByteReader(bytes)
    for chunk in (try? ChunkList.decode(from: &reader)) ?? [] where result.blob(chunk.digest) { try keep(trailOf: chunk.digest) }
  }
}
