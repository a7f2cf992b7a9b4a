/// Which edit made each stage of a run run: its key in that run against the one it had before.
public struct RunExplanation: Sendable, Equatable {
  public struct Change: Sendable, Equatable {
    /// What it is: a field, a file, the sources of a port, the program.
    public enum What: String, Sendable { case field, file, source, stage, program, other }
    public var what: What
    /// As people know it: a field's name, a path, a stage.
    public var name: String
    public var before: String?
    public var after: String?
    public init(what: What, name: String, before: String?, after: String?) { (self.what, self.name, self.before, self.after) = (what, name, before, after) }
  }

  public struct Stage: Sendable, Equatable {
    public var name: String
    public var kind: String
    public var status: StageRecord.Status
    /// As the run has recorded it.
    public var reason: StageRecord.Reason
    /// The run that it is compared with; nil when there is none in which the stage has a key.
    public var since: String?
    public var changes: [Change]
    /// Stages whose edits are the first causes, with those edits: what only changed because of others is left out.
    public var causes: [(stage: String, change: Change)]

    public init(
      name: String, kind: String, status: StageRecord.Status, reason: StageRecord.Reason, since: String?, changes: [Change], causes: [(stage: String, change: Change)]
    ) {
      self.name = name
      self.kind = kind
      self.status = status
      self.reason = reason
      self.since = since
      self.changes = changes
      self.causes = causes
    }

    public static func == (a: Stage, b: Stage) -> Bool {
      a.name == b.name && a.kind == b.kind && a.status == b.status && a.reason == b.reason && a.since == b.since && a.changes == b.changes
        && a.causes.elementsEqual(b.causes) { $0.stage == $1.stage && $0.change == $1.change }
    }
  }

  public var run: String
  public var manifest: String
  public var stages: [Stage]
  public init(run: String, manifest: String, stages: [Stage]) { (self.run, self.manifest, self.stages) = (run, manifest, stages) }
}
