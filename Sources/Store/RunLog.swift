public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The record of one run as it happens: `<runs>/<id>/events.jsonl`, one JSON object per line, appended and never changed.
///
/// Each line carries its own check as a last field, so a line torn by a kill is told from a whole one, and any JSON tool can still read
/// the file. Beside it lie the stages' logs and the pins. Nothing is created before the first line; the file is locked while the run lives.
public final class RunLog: Sendable {
  private struct State {
    var events: Int32 = -1
    var pins: Int32 = -1
    var buffer: [UInt8] = []
    var dirtySince: UInt64 = 0
  }

  public let id: RunID
  /// The run's own directory.
  public let directory: String
  private let disk: Disk
  private let clock: Store.Clock
  private let state = Mutex(State())

  /// - Parameter runs: the directory of all runs, for example `.pipe/runs`.
  public init(runs: String, id: RunID, disk: Disk = .real, clock: @escaping Store.Clock = Store.systemClock) {
    self.id = id
    self.directory = runs + "/" + id.text
    self.disk = disk
    self.clock = clock
  }

  deinit { try? close() }

  /// Lines wait for so many bytes, or for so long.
  private static let bufferLimit = 32 << 10
  private static let bufferNanoseconds: UInt64 = 1_000_000_000

  /// Appends an event, which must be a JSON object on one line. It is in the file within a second of further events, or with ``flush()``.
  public func append(_ object: [UInt8]) throws(StoreError) {
    let line = RunLog.line(object)
    let now = clock()
    try state.withLock { (state) throws(StoreError) in
      if state.buffer.isEmpty { state.dirtySince = now }
      state.buffer += line
      if state.buffer.count >= RunLog.bufferLimit || now &- state.dirtySince >= RunLog.bufferNanoseconds { try flush(&state) }
    }
  }

  /// Hands buffered events to the file.
  public func flush() throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in try flush(&state) }
  }

  private func flush(_ state: inout State) throws(StoreError) {
    guard !state.buffer.isEmpty else { return }
    let path = RunLog.eventsPath(directory)
    if state.events < 0 { state.events = try open(path) }
    var written = 0
    defer { state.buffer.removeFirst(written) }
    try state.buffer.withBytes { (bytes) throws(StoreError) in try disk.write(state.events, bytes, path, written: &written) }
  }

  private func open(_ path: String) throws(StoreError) -> Int32 {
    try disk.makeDirectory(directory)
    let descriptor = try disk.create(path, O_WRONLY | O_APPEND, mode: 0o666)
    // Says that the run lives; nobody competes for it.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    return descriptor
  }

  /// Ends the log. Doing it twice is fine.
  public func close() throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      defer {
        for descriptor in [state.events, state.pins] where descriptor >= 0 { _ = Publication.closeDescriptor(descriptor) }
        state.events = -1
        state.pins = -1
      }
      try flush(&state)
    }
  }

  /// Where a stage's output (what it prints) belongs; the directory is there when this returns.
  public func stageLog(_ stage: String) throws(StoreError) -> String {
    try disk.makeDirectory(directory + "/logs")
    return RunLog.stageLogPath(directory, stage)
  }

  // MARK: Pins

  /// Something a run needs to find again.
  public enum Pin: Hashable, Sendable {
    case blob(Digest)
    case entry(EntryKind, Digest)
  }

  /// Keeps a collection in another process from removing these while this run lives. In the file when this returns.
  public func pin(_ pins: [Pin]) throws(StoreError) {
    guard !pins.isEmpty else { return }
    var bytes: [UInt8] = []
    for pin in pins {
      switch pin {
      case .blob(let digest):
        bytes.append(RecordHeader.blob)
        digest.append(to: &bytes)
      case .entry(let kind, let digest):
        bytes.append(kind.rawValue)
        digest.append(to: &bytes)
      }
    }
    let path = RunLog.pinsPath(directory)
    try state.withLock { (state) throws(StoreError) in
      if state.pins < 0 { state.pins = try open(path) }
      try bytes.withBytes { (bytes) throws(StoreError) in try disk.write(state.pins, bytes, path) }
    }
  }

  static func pins(_ bytes: [UInt8]) -> [Pin] {
    let size = 1 + Digest.byteCount
    return stride(from: 0, through: bytes.count - size, by: size).map { at in
      let digest = bytes[(at + 1)..<(at + size)].withUnsafeBytes { Digest(bytes: $0) }
      let kind = bytes[at]
      return kind == RecordHeader.blob || kind == RecordHeader.end ? .blob(digest) : .entry(EntryKind(rawValue: kind), digest)
    }
  }

  // MARK: Files

  static func eventsPath(_ directory: String) -> String { directory + "/events.jsonl" }
  static func pinsPath(_ directory: String) -> String { directory + "/pins" }

  static func stageLogPath(_ directory: String, _ stage: String) -> String {
    // A stage may be named like a path, or longer than a file name may be.
    let safe = stage.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    if safe, stage.utf8.count <= 100, !stage.hasPrefix(".") { return directory + "/logs/" + stage + ".log" }
    let cleaned = String(
      decoding: stage.utf8.prefix(60).map { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) ? $0 : 95 },
      as: UTF8.self)
    return directory + "/logs/" + cleaned + "." + String(XXHash64.hash(Array(stage.utf8)), radix: 16) + ".log"
  }

  // MARK: Lines

  private static let checkField = Array("\"check\":\"".utf8)

  /// An object's line: the object with the check of its bytes as one more field.
  static func line(_ object: [UInt8]) -> [UInt8] {
    precondition(
      object.first == UInt8(ascii: "{") && object.last == UInt8(ascii: "}") && !object.contains(UInt8(ascii: "\n")),
      "an event is a JSON object on one line")
    let digits = String(XXHash64.hash(object), radix: 16)
    var line = Array(object.dropLast())
    if object.count > 2 { line.append(UInt8(ascii: ",")) }
    line += checkField
    line += Array((String(repeating: "0", count: 16 - digits.utf8.count) + digits + "\"}\n").utf8)
    return line
  }

  /// The object of a line without its newline, or nil when the line is torn or damaged.
  static func object(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    let tail = checkField.count + 16 + 2
    guard line.count >= tail + 1, line.suffix(2).elementsEqual(Array("\"}".utf8)) else { return nil }
    let field = line.endIndex - tail
    guard line[field..<(field + checkField.count)].elementsEqual(checkField),
      let check = UInt64(String(decoding: line[(field + checkField.count)..<(line.endIndex - 2)], as: UTF8.self), radix: 16)
    else { return nil }
    var object = Array(line[..<field])
    if object.last == UInt8(ascii: ",") { object.removeLast() }
    object.append(UInt8(ascii: "}"))
    return XXHash64.hash(object) == check ? object : nil
  }
}
