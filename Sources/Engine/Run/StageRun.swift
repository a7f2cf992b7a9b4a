package import Rows

/// One stage while a run lasts. Touched only under the scheduler's lock.
package final class StageRun {
  package enum Phase: Sendable, Equatable {
    /// Inputs are not known yet.
    case waiting
    /// It will run; the chunk lists of cached inputs are being read.
    case loading
    /// Tasks are being made from what has arrived so far.
    case expanding
    /// All tasks are done; results are being recorded, checked and published.
    case finishing
    case done(Finish)
  }

  package enum Finish: Sendable, Equatable {
    /// The whole stage was in the cache.
    case cached
    /// Some tasks ran (or were looked up one by one).
    case ran
    case failed
    /// Something it reads failed or did not run: which stage.
    case blocked(by: String)
    /// Not selected, and not in the cache.
    case unselected
    /// The run was stopped before it could finish.
    case cancelled
    /// Only in plans: it would run.
    case wouldRun
    /// Only in plans: it runs if a stage before it gives other bytes.
    case mayRun(after: String)
  }

  package let index: Int
  package let stage: Stage
  package internal(set) var phase = Phase.waiting
  /// Whether it may run.
  package internal(set) var isSelected = true
  /// Whether it may run, or something that may run reads it.
  var isNeeded = true
  /// By input port, the tables behind its sources, in order.
  package internal(set) var inputs: [[TableRun]] = []
  package let outputs: [TableRun]
  package internal(set) var tasks: [TaskRun] = []

  /// Known once every input is complete.
  package internal(set) var key: Digest?
  package internal(set) var preImage: PreImage?
  /// The key without stream ports and side tables: what all its tasks share.
  var base = Digest.of("")
  var prepared: [UInt8] = []
  package internal(set) var result: StageResult?
  /// Why it ran, or why not.
  package internal(set) var reason: RunReason = .unknown
  package internal(set) var failure: StageFailure?
  package internal(set) var verdicts: [CheckVerdict] = []
  /// What its comparison came to: a view, in no artifact.
  package internal(set) var compared = StageFigures()
  /// Why there was nothing to compare with.
  package internal(set) var notCompared: String?
  package internal(set) var published: [PublishedFile] = []

  /// Columns that the stage's checks will count, by output.
  let countedColumns: [(port: Int, column: String)]

  // Expansion: where in the concatenated sources of the stream port the next group begins.
  var cursorPort = 0
  var cursorSource = 0
  var cursorChunk = 0
  var groupStart = 0
  var grouper = ChunkGrouper()
  var isExpanded = false
  /// Which half of a two-step stage is under way.
  var step = Step.main
  enum Step { case preparing, main, merging }
  var partials: [[UInt8]] = []
  var partialPorts: [String] = []
  /// Whether the partials, and with them all that a reduction makes, were the same as before.
  var wasMergeCached = false

  /// Whether the whole stage was found in the cache.
  package internal(set) var wasAdopted = false
  var unfinished = 0
  var released = 0
  /// What the released tasks came to.
  var tally: TaskTally
  package internal(set) var ran = 0
  package internal(set) var cached = 0
  package internal(set) var rewound = 0
  var startedAt: UInt64 = 0
  var endedAt: UInt64 = 0
  package internal(set) var busyNanoseconds: UInt64 = 0
  /// Result tables of a cached stage are read when somebody needs them.
  var cachedTasks: TaskList?

  init(index: Int, stage: Stage) {
    self.index = index
    self.stage = stage
    self.outputs = stage.outputs.indices.map { TableRun(stage: index, port: $0) }
    self.tally = TaskTally(ports: stage.outputs.count)
    self.countedColumns = CheckEvaluator.countedColumns(stage)
  }

  package var isDone: Bool { if case .done = phase { true } else { false } }
  package var finish: Finish? { if case .done(let finish) = phase { finish } else { nil } }
  /// Whether its outputs can be used by others.
  package var isUsable: Bool { phase == .done(.cached) || phase == .done(.ran) }

  /// The index of the port that chunks are made tasks of.
  var streamPort: Int? {
    stage.inputs.firstIndex {
      switch $0.reading {
      case .source, .stream: true
      case .keyed, .whole, .comparison: false
      }
    }
  }
}

/// The results of a stage's tasks, added up in their order: what a stage's result is made of, without keeping every task's own.
struct TaskTally {
  private(set) var entries: [TaskList.Entry] = []
  private(set) var drops: [(reason: String, count: Int)] = []
  private(set) var facts: [String: Int] = [:]
  private(set) var figures = StageFigures()
  /// By port, the row maps.
  private(set) var lineages: [ByteWriter]

  init(ports: Int) { lineages = Array(repeating: ByteWriter(), count: ports) }

  mutating func add(_ key: Digest, _ result: TaskResult) {
    entries.append(TaskList.Entry(key: key, chunks: result.ports.map(\.chunks.count)))
    for drop in result.drops.counts {
      if let known = drops.firstIndex(where: { $0.reason == drop.reason }) {
        drops[known].count += drop.count
      } else {
        drops.append(drop)
      }
    }
    for fact in result.facts { facts[fact.name, default: 0] += fact.sum }
    if !result.figures.isEmpty { figures = result.figures }
    for (port, made) in result.ports.enumerated() { made.map.encode(into: &lineages[port]) }
  }
}

/// One task while a run lasts.
package final class TaskRun {
  enum Work: Equatable {
    case chunks, partial, merge, whole
  }

  let stage: Int
  let ordinal: Int
  let work: Work
  /// The chunks it reads: which of the port's sources, which chunk there.
  let inputs: [(source: Int, chunk: Int)]
  let port: Int
  var key: Digest?
  var result: TaskResult?
  /// What a partial task came to.
  var partial: [UInt8]?
  /// Bytes of chunks just made, until they are handed over.
  var fresh: [FreshChunk: [UInt8]] = [:]
  var isFinished = false

  init(stage: Int, ordinal: Int, work: Work, port: Int, inputs: [(source: Int, chunk: Int)]) {
    self.stage = stage
    self.ordinal = ordinal
    self.work = work
    self.port = port
    self.inputs = inputs
  }
}

/// A chunk that a task has just made: which output, which of its chunks.
struct FreshChunk: Hashable {
  let port: Int
  let index: Int
}

/// Why a stage failed.
package enum StageFailure: Sendable {
  /// A task ended with an error, already resolved to places in files.
  case task(ResolvedFailure)
  /// A check of severity error did not hold.
  case checks
  /// Something of the machine: a full disk, an unreadable file.
  case environment(String)
}

/// Why a stage ran.
public enum RunReason: Sendable, Equatable {
  case unknown
  case firstRun
  case forced
  case neverCached
  /// Parts of the key that changed: (part, before, after).
  case changed([Change])
  /// The same parts, but nothing of them that the stage reads.
  case unread([Change])
  case upstream([String])
  case missing
  /// The lock has no such stage.
  case notLocked
  /// The lock has another key for it.
  case otherThanLocked

  public struct Change: Sendable, Equatable {
    public let part: String
    public let before: String?
    public let after: String?
    public init(part: String, before: String?, after: String?) {
      self.part = part
      self.before = before
      self.after = after
    }
  }
}
