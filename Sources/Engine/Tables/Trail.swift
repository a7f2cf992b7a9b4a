import Rows
import Store
import Synchronization

extension EntryKind {
  /// What was found by keys that no result names: stage key, action key or chunk digest → those keys.
  static let trail = EntryKind(rawValue: 13)
}

/// The entries that a result rests on without naming them: sidecars, partials, results of rows, counts for checks.
///
/// Their keys are made of what was read, so that a collection could not find them. Without them nothing would be wrong, but the first
/// edit after a collection would do again what had been done: for costly rows that is what the store is for.
struct Trail: Equatable {
  private(set) var keys: [(kind: EntryKind, keys: Set<Digest>)] = []

  static func == (a: Trail, b: Trail) -> Bool { a.encode() == b.encode() }

  var isEmpty: Bool { keys.isEmpty }

  mutating func add(_ kind: EntryKind, _ key: Digest) {
    if let place = keys.firstIndex(where: { $0.kind == kind }) { keys[place].keys.insert(key) } else { keys.append((kind, [key])) }
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    for (kind, keys) in keys.sorted(by: { $0.kind.rawValue < $1.kind.rawValue }) {
      writer.number(Int(kind.rawValue))
      writer.number(keys.count)
      for key in keys.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) { writer.digest(key) }
    }
    return writer.bytes
  }

  init() {}

  init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    while !reader.isAtEnd {
      let number = try reader.number()
      guard let kind = UInt8(exactly: number), kind != 0, kind != 255 else { throw ByteReader.Malformed() }
      var keys: Set<Digest> = []
      for _ in 0..<(try reader.count()) { keys.insert(try reader.digest()) }
      self.keys.append((EntryKind(rawValue: kind), keys))
    }
  }
}

/// The results of rows that one task looked up or kept.
final class RowTrail: Sendable {
  private let keys = Mutex<Set<Digest>>([])

  func add(_ key: Digest) { keys.withLock { _ = $0.insert(key) } }

  var trail: Trail {
    var trail = Trail()
    for key in keys.withLock({ $0 }) { trail.add(.rowResult, key) }
    return trail
  }
}

extension Scheduler {
  /// The partials and sidecars of a stage whose tasks have all finished.
  func trail(of run: StageRun) -> Trail {
    var trail = Trail()
    let keyed = run.stage.kind.inputs.indices.filter { if case .keyed = run.stage.kind.inputs[$0].reading { true } else { false } }
    for task in run.tasks {
      if task.work == .partial, let key = task.key { trail.add(.partial, key) }
      guard task.work == .chunks, !keyed.isEmpty else { continue }
      for chunk in places(task, run) { for port in keyed { trail.add(.sidecar, sidecarKey(run, port: port, chunk: chunk)) } }
    }
    return trail
  }
}
