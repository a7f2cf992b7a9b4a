#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The runs of a store, as their logs tell them.
public struct RunHistory: Sendable {
  /// The directory of all runs.
  public let runs: String

  public init(runs: String) { self.runs = runs }

  /// A run's events as far as they are whole.
  public struct Events: Sendable, Equatable {
    /// JSON objects, in the order they were appended.
    public var objects: [[UInt8]] = []
    /// The last line was cut short: the run was killed, or is writing.
    public var isTorn = false
    /// Lines other than the last that are damaged.
    public var damagedLines = 0
  }

  /// All runs, newest first.
  public func list() -> [RunID] {
    Files.names(in: runs).compactMap { RunID($0) }.sorted(by: >)
  }

  /// A run's directory.
  public func directory(_ id: RunID) -> String { runs + "/" + id.text }

  /// A run's events, or nil when there is no such run.
  public func events(of id: RunID) throws(StoreError) -> Events? {
    guard let bytes = try Files.contents(RunLog.eventsPath(directory(id))) else { return nil }
    var events = Events()
    var start = 0
    while start < bytes.count {
      guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else {
        events.isTorn = true
        break
      }
      if let object = RunLog.object(bytes[start..<end]) { events.objects.append(object) } else { events.damagedLines += 1 }
      start = end + 1
    }
    return events
  }

  /// Whether the run's process is at it right now.
  public func isLive(_ id: RunID) -> Bool {
    FileLock.isHeld(RunLog.eventsPath(directory(id))) || FileLock.isHeld(RunLog.pinsPath(directory(id)))
  }

  /// What the runs that are at work right now have pinned.
  public func livePins() -> Set<RunLog.Pin> {
    var pins: Set<RunLog.Pin> = []
    for id in list() where FileLock.isHeld(RunLog.pinsPath(directory(id))) {
      if let bytes = try? Files.contents(RunLog.pinsPath(directory(id))) { pins.formUnion(RunLog.pins(bytes)) }
    }
    return pins
  }

  /// Where a stage's output of a run lies, if there was any.
  public func stageLog(_ id: RunID, _ stage: String) -> String { RunLog.stageLogPath(directory(id), stage) }

  /// Removes a run that is not live, with its logs; false when it is live.
  @discardableResult
  public func remove(_ id: RunID, disk: Disk = .real) throws(StoreError) -> Bool {
    if isLive(id) { return false }
    let directory = directory(id)
    // The events go last: a run half removed is still a run, and removing it again goes on.
    for log in Files.names(in: directory + "/logs") { try disk.remove(directory + "/logs/" + log) }
    try disk.removeDirectory(directory + "/logs")
    try disk.remove(RunLog.pinsPath(directory))
    try disk.remove(RunLog.eventsPath(directory))
    try disk.removeDirectory(directory)
    return true
  }
}
