internal import Synchronization

/// A test double: counts the changes to the disk, and fails or "kills the process" at the one it is told to.
///
/// After a crash every further change fails too, as nothing a dead process would have cleaned up gets cleaned up. A crash in a write
/// lets half of the bytes through.
///
///     for n in 1... {
///       let crash = CrashingDisk(failAt: n)
///       … use crash.disk …
///       if !crash.hasFailed { break }
///     }
public final class CrashingDisk: Sendable {
  public enum Manner: Sendable {
    /// That operation and all later ones fail.
    case crash
    /// That operation alone fails, with this `errno`.
    case once(Int32)
    /// Every write and creation from then on fails for lack of space; removals work.
    case full
  }

  private let failAt: Int
  private let manner: Manner
  private let count = Atomic<Int>(0)

  public init(failAt: Int, manner: Manner = .crash) {
    self.failAt = failAt
    self.manner = manner
  }

  /// How many operations were asked for so far.
  public var operations: Int { count.load(ordering: .relaxed) }
  public var hasFailed: Bool { operations >= failAt }

  /// The disk to hand to what is tested.
  public var disk: Disk {
    Disk { [self] operation, _ in
      let number = count.wrappingAdd(1, ordering: .relaxed).newValue
      guard number >= failAt else { return nil }
      switch manner {
      case .crash: return operation == .write && number == failAt ? .halfWritten(CrashingDisk.ioError) : .fail(CrashingDisk.ioError)
      case .once(let code): return number == failAt ? (operation == .write ? .halfWritten(code) : .fail(code)) : nil
      case .full:
        switch operation {
        case .write: return number == failAt ? .halfWritten(CrashingDisk.noSpace) : .fail(CrashingDisk.noSpace)
        case .create, .makeDirectory: return .fail(CrashingDisk.noSpace)
        case .rename, .remove, .sync, .touch, .truncate: return nil
        }
      }
    }
  }

  private static let ioError: Int32 = 5
  private static let noSpace: Int32 = 28
}
