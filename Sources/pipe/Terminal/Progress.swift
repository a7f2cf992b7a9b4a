import Diagnostics
import Engine
import Reports
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Shows a run while it lasts: one line that is redrawn on a terminal, a line per change of state otherwise, JSON lines when asked.
///
/// Runs that are over before anybody could read are not commented on: nothing is shown in the first moments.
final class Progress: Sendable {
  enum Form: Sendable { case none, line, lines, json }

  private struct State {
    var finished = 0
    /// In the order of their start; those that have finished are taken out when there are many.
    var running: [Running] = []
    /// Where in `running` a stage stands.
    var places: [String: Int] = [:]
    /// Plain lines that wait until the run is old enough to be commented on.
    var pending: [String] = []
    var isDrawn = false
    var isOver = false

    mutating func forgetFinished() {
      running.removeAll(where: \.isOver)
      for (place, stage) in running.enumerated() { places[stage.stage] = place }
    }
  }

  private struct Running {
    let stage: String
    let since: UInt64
    var finished = 0
    var known = 0
    var isOver = false
  }

  /// So long a run says nothing.
  private static let silence: UInt64 = 700_000_000
  private static let interval: UInt32 = 120_000

  private let form: Form
  private let total: Int
  private let implicit: Set<String>
  private let start = Elapsed.now()
  private let state = Mutex(State())

  init(_ form: Form, stages: [String], implicit: Set<String>) {
    self.form = form
    self.total = stages.count - implicit.count
    self.implicit = implicit
    if form == .line || form == .lines {
      BackgroundThread.start { [self] in while tick() { usleep(Self.interval) } }
    }
  }

  func observe(_ event: RunEvent) {
    if form == .none { return }
    if case .notice(let text) = event { return say(text) }
    if form == .json { return json(event) }
    state.withLock { state in
      switch event {
      case .stageStarted(let stage):
        state.places[stage] = state.running.count
        state.running.append(Running(stage: stage, since: Elapsed.now()))
        if !implicit.contains(stage) { state.pending.append("  \(stage) started") }
      case .stageProgress(let stage, let finished, let known):
        if let at = state.places[stage] {
          state.running[at].finished = finished
          state.running[at].known = known
        }
      case .stageFinished(let stage):
        var took: UInt64 = 0
        if let at = state.places.removeValue(forKey: stage) {
          took = Elapsed.now() &- state.running[at].since
          state.running[at].isOver = true
          if state.running.count > 64, state.places.count < state.running.count / 2 { state.forgetFinished() }
        }
        if implicit.contains(stage) { return }
        state.finished += 1
        if took > 0 { state.pending.append("  \(stage) done after " + Figures.seconds(Double(took) / 1e9)) }
      case .notice: break
      }
    }
  }

  /// A line about the run itself; shown at once.
  func say(_ text: String) {
    if form == .json {
      return Console.output.write(
        ReportJSON.object(["schema_version": .int(reportSchemaVersion), "event": .string("notice"), "message": .string(text)]).compact + "\n")
    }
    state.withLock { state in
      erase(&state)
      Console.errors.write("pipe: " + text + "\n")
    }
  }

  /// Takes the line away; nothing is shown after this.
  func end() {
    state.withLock { state in
      erase(&state)
      state.isOver = true
    }
  }

  /// Shows what is to be shown; false when the run is over.
  private func tick() -> Bool {
    state.withLock { state in
      if state.isOver { return false }
      guard Elapsed.now() &- start > Self.silence else { return true }
      if form == .lines {
        if !state.pending.isEmpty { Console.errors.write(state.pending.joined(separator: "\n") + "\n") }
        state.pending = []
        return true
      }
      let style = Console.errors.style
      var text = "  \(state.finished)/\(total) stages"
      for running in state.running where !running.isOver && !implicit.contains(running.stage) {
        text += " · " + running.stage + (running.known > 1 ? " \(running.finished)/\(running.known)" : "")
      }
      text += "   " + Figures.seconds(Double(Elapsed.now() &- start) / 1e9)
      let width = (style.width ?? 80) - 1
      if text.unicodeScalars.count > width { text = String(text.unicodeScalars.prefix(width - 1)) + "…" }
      Console.errors.write("\r\u{1B}[K" + text)
      state.isDrawn = true
      return true
    }
  }

  private func erase(_ state: inout State) {
    if state.isDrawn { Console.errors.write("\r\u{1B}[K") }
    state.isDrawn = false
  }

  private func json(_ event: RunEvent) {
    let record: ReportJSON =
      switch event {
      case .stageStarted(let stage):
        .object(["schema_version": .int(reportSchemaVersion), "event": .string("stage_started"), "stage": .string(stage)])
      case .stageProgress(let stage, let finished, let known):
        .object([
          "schema_version": .int(reportSchemaVersion), "event": .string("stage_progress"), "stage": .string(stage), "finished": .int(finished),
          "known": .int(known),
        ])
      case .stageFinished(let stage):
        .object(["schema_version": .int(reportSchemaVersion), "event": .string("stage_finished"), "stage": .string(stage)])
      case .notice(let text):
        .object(["schema_version": .int(reportSchemaVersion), "event": .string("notice"), "message": .string(text)])
      }
    // Whole lines, also when two workers have something to say.
    state.withLock { _ in Console.output.write(record.compact + "\n") }
  }
}
