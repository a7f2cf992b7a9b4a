import Processes
public import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a stage's processes have printed: while they run, and afterwards.
public struct StageLog: Sendable {
  public let path: String
  private let job: JobFolder?

  /// Whether more may come.
  public var isLive: Bool { job.map { FileLock.isHeld($0.lock) && LocalJob(folder: $0).state() == .running } ?? false }

  /// The process that watches over it.
  public var process: String? { job.flatMap { LocalJob(folder: $0).process } }

  /// The bytes from an offset on.
  public func read(from offset: Int) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    let count = pread(file, &piece, piece.count, off_t(offset))
    return count > 0 ? Array(piece[..<count]) : []
  }

  /// The newest log of a stage of a manifest: of something submitted, else of the last run that kept one.
  public static func newest(of stage: String, manifest: String, in store: Store) -> StageLog? {
    let folder = store.directory + "/submit"
    var newest: (changed: Int64, job: JobFolder)?
    for key in Workspace.names(in: folder) {
      let directory = folder + "/" + key
      for step in (try? SubmitJournal(directory: directory).steps()) ?? [] {
        guard case .intent(let attempt, _, stage, manifest) = step else { continue }
        let job = JobFolder("\(directory)/\(attempt)")
        let changed = FileStamp(path: job.spec)?.changed ?? 0
        if changed >= newest?.changed ?? 0 { newest = (changed, job) }
      }
    }
    if let newest { return StageLog(path: newest.job.logPath, job: newest.job) }
    for id in store.history.list() {
      let path = store.history.stageLog(id, stage)
      if Workspace.exists(path) { return StageLog(path: path, job: nil) }
    }
    return nil
  }
}
