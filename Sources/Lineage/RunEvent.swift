/// One step of a run, as a line of its event log: JSON with the fields in a fixed order.
///
/// Logs may hold other events too (tasks, progress); readers pass over what they do not know.
public enum RunEvent: Sendable, Equatable {
  /// The run began; its stages are still empty.
  case started(RunRecord)
  /// A stage came to its end, whatever end that was.
  case stage(StageRecord)
  /// The run ended, at a time in milliseconds since 1970.
  case finished(at: Int64, exitStatus: Int)

  /// The event's line, without a newline.
  public var line: [UInt8] { json.bytes }

  /// The event on a line, or nil when it is of another sort or not readable.
  public init?(line: [UInt8]) {
    guard let json = JSON(line), let event = RunEvent(json) else { return nil }
    self = event
  }

  var json: JSON {
    switch self {
    case .started(let run): .object([("event", .string("run-started")), ("run", run.header)])
    case .stage(let stage): .object([("event", .string("stage-finished")), ("stage", stage.json)])
    case .finished(let at, let status):
      .object([("event", .string("run-finished")), ("at", .number(at)), ("exit_status", .number(status))])
    }
  }

  init?(_ json: JSON) {
    switch json["event"]?.text {
    case "run-started":
      guard let run = json["run"].flatMap(RunRecord.init(header:)) else { return nil }
      self = .started(run)
    case "stage-finished":
      guard let stage = json["stage"].flatMap(StageRecord.init(json:)) else { return nil }
      self = .stage(stage)
    case "run-finished":
      guard let at = json["at"]?.int64, let status = json["exit_status"]?.int else { return nil }
      self = .finished(at: at, exitStatus: status)
    default: return nil
    }
  }
}

extension RunRecord {
  /// What a run's log adds up to, or nil when the log has no beginning. A stage reported twice counts as reported last.
  public init?(events lines: [[UInt8]]) {
    var record: RunRecord?
    for line in lines {
      switch RunEvent(line: line) {
      case .started(let run): record = record ?? run
      case .stage(let stage):
        if let place = record?.stages.firstIndex(where: { $0.name == stage.name && $0.caseLabel == stage.caseLabel }) {
          record?.stages[place] = stage
        } else {
          record?.stages.append(stage)
        }
      case .finished(let at, let status):
        record?.finishedAt = at
        record?.exitStatus = status
      case nil: break
      }
    }
    guard let record else { return nil }
    self = record
  }

  /// The events that add up to this record.
  public var events: [RunEvent] {
    var start = self
    start.stages = []
    start.finishedAt = nil
    start.exitStatus = nil
    var events: [RunEvent] = [.started(start)]
    events += stages.map(RunEvent.stage)
    if let finishedAt, let exitStatus { events.append(.finished(at: finishedAt, exitStatus: exitStatus)) }
    return events
  }

  /// Everything but the stages and the end.
  var header: JSON {
    .fields([
      ("id", .string(id)), ("manifest", .string(manifestPath)), ("name", .string(manifestName)),
      ("version", manifestVersion.map(JSON.string)),
      ("pipe", .string(pipeVersion)), ("started_at", .number(startedAt)),
      (
        "params", parameters.isEmpty ? nil : .array(parameters.map { .object([("name", .string($0.name)), ("value", .string($0.value))]) })
      ),
      ("params_file", parametersFile.map(JSON.string)), ("profile", profile.map(JSON.string)),
      ("commit", gitCommit.map(JSON.string)), ("jobs", .number(jobs)),
    ])
  }

  init?(header json: JSON) {
    guard let id = json["id"]?.text, let path = json["manifest"]?.text, let name = json["name"]?.text, let pipe = json["pipe"]?.text,
      let startedAt = json["started_at"]?.int64
    else { return nil }
    self.init(
      id: id, manifestPath: path, manifestName: name, manifestVersion: json["version"]?.text, pipeVersion: pipe, startedAt: startedAt,
      parameters: (json["params"]?.items ?? []).compactMap { item in
        guard let name = item["name"]?.text, let value = item["value"]?.text else { return nil }
        return Parameter(name: name, value: value)
      },
      parametersFile: json["params_file"]?.text, profile: json["profile"]?.text, gitCommit: json["commit"]?.text, jobs: json["jobs"]?.int ?? 1)
  }
}
