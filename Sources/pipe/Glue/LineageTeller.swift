import Diagnostics
import Engine
import Lineage
import Records
import Store
import Synchronization

/// Tells others of a run while it is at work and when it is over, as OpenLineage events.
///
/// Nothing of it can fail the run: what could not be told is a note at its end.
final class LineageTeller: Sendable {
  private struct State {
    var run: RunRecord?
    var told: Set<String> = []
    /// Stages that began before there was a run to tell of.
    var waiting: [(stage: String, at: Int64)] = []
  }

  private let session: Session
  private let sink: any LineageSink
  private let events: OpenLineage
  private let state = Mutex(State())

  /// - Parameter target: a file or a URL; nil for what the environment says. Nothing is told when there is neither.
  init?(_ target: String?, _ session: Session) throws {
    guard let sink = try LineageSinks.make(target) else { return nil }
    self.sink = sink
    self.session = session
    // What runs are made of is only known at the end; until then names are enough.
    events = OpenLineage(session.outline, namespace: LineageSinks.namespace, pipeVersion: pipeVersion)
  }

  var begun: @Sendable (RunRecord) -> Void {
    { run in
      let waiting = self.state.withLock { state in
        state.run = run
        defer { state.waiting = [] }
        return state.waiting
      }
      self.sink.tell([self.events.started(run)])
      for (stage, time) in waiting { self.tell(stage, at: time, run) }
    }
  }

  func observe(_ event: Engine.RunEvent) {
    guard case .stageStarted(let stage) = event else { return }
    let now = Int64(Store.systemClock() / 1_000_000)
    let run = state.withLock { state in
      if state.run == nil { state.waiting.append((stage, now)) }
      return state.run
    }
    if let run { tell(stage, at: now, run) }
  }

  private func tell(_ name: String, at time: Int64, _ run: RunRecord) {
    guard let stage = session.recordName(ofStage: name) else { return }
    sink.tell([events.started(stage: stage.name, caseLabel: stage.caseLabel, kind: stage.kind, at: time, in: run)])
    state.withLock { _ = $0.told.insert(stage.caseLabel.map { "\(stage.name)@\($0)" } ?? stage.name) }
  }

  /// Tells how the run ended.
  /// - Returns: what could not be told, in words.
  func finish(_ id: String?) -> String? {
    let (told, run) = state.withLock { ($0.told, $0.run) }
    if let id = id.flatMap({ RunID($0) }), let record = Session.record(of: id, in: session.store) {
      let manifest = (try? session.description(of: record)) ?? session.outline
      let all = OpenLineage(manifest, namespace: LineageSinks.namespace, pipeVersion: pipeVersion)
      sink.tell(all.events(of: record, told: told, isBeginTold: run != nil))
    }
    return sink.finish()
  }
}
