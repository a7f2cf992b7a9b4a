import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// This program, to be started again.
enum SelfProgram {
  static let superviseWord = "__supervise"

  /// What to execute to supervise a job, and its first arguments.
  static var supervisor: [String] { [path, superviseWord] }

  /// What tells this build from any other: its version, and its file.
  static var identity: String { "\(pipeVersion) \(FileStamp(path: path).map { "\($0)" } ?? "")" }

  private static var path: String {
    #if canImport(Darwin)
      var size: UInt32 = 0
      _NSGetExecutablePath(nil, &size)
      var buffer = [CChar](repeating: 0, count: Int(size))
      _NSGetExecutablePath(&buffer, &size)
      return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #else
      // The running program, also when its file has been replaced since.
      return "/proc/self/exe"
    #endif
  }
}
