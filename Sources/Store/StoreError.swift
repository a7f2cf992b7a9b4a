#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What went wrong between the store and the disk: which file, which operation, and why.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of trouble it is, so that a caller can choose an exit code without reading text.
  public enum Kind: Sendable, Equatable {
    /// The file system is full, or the user's quota is used up.
    case diskFull
    /// The file or directory is not ours to read or write.
    case notPermitted
    /// The file or directory is not there.
    case missing
    /// The store was written by a `pipe` whose format this one does not know.
    case unknownFormat
    /// The operation failed in a way nobody can plan for.
    case failed
  }

  public let kind: Kind
  /// The file or directory the operation was on.
  public let path: String
  /// What was being done, as a verb: `write`, `rename`.
  public let operation: String
  /// The `errno` of the failed call, or 0 when no call failed.
  public let code: Int32

  public init(kind: Kind, path: String, operation: String, code: Int32 = 0) {
    self.kind = kind
    self.path = path
    self.operation = operation
    self.code = code
  }

  /// The error of a system call that has just failed.
  init(_ operation: String, _ path: String, code: Int32 = errno) {
    let kind: Kind =
      switch code {
      case ENOSPC, EDQUOT: .diskFull
      case EACCES, EPERM, EROFS: .notPermitted
      case ENOENT: .missing
      default: .failed
      }
    self.init(kind: kind, path: path, operation: operation, code: code)
  }

  public var description: String {
    switch kind {
    case .diskFull:
      "no space left to \(operation) `\(path)`: free some space (`pipe cache gc` shows what can go), then run again; nothing is damaged"
    case .notPermitted:
      "cannot \(operation) `\(path)`: \(reason); check the owner and the permissions"
    case .missing:
      "cannot \(operation) `\(path)`: it does not exist"
    case .unknownFormat:
      "cannot \(operation) `\(path)`: it was written by another version of `pipe`; use that version, or another `--store`"
    case .failed:
      "cannot \(operation) `\(path)`: \(reason)"
    }
  }

  private var reason: String {
    // strerror_r comes in two incompatible shapes; strerror's shared buffer is only rewritten for unknown numbers.
    code == 0 ? "unknown reason" : String(cString: strerror(code)).lowercased()
  }
}
