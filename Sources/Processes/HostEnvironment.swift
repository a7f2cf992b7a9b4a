#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The environment that `pipe` itself was started with. Nothing of it reaches a command unless it is asked for by name.
public enum HostEnvironment {
  static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

  /// The value of a variable, or nil when it is not set.
  public static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// What every command gets: `PATH`, and `HOME` when there is one.
  public static func base() -> [(name: String, value: String)] {
    [("PATH", value("PATH") ?? defaultPath)] + (value("HOME").map { [("HOME", $0)] } ?? [])
  }
}

/// Finds programs.
public enum ProgramSearch {
  /// The file that a program's name leads to, as a shell would find it.
  /// - Throws: `ProcessFailure` when there is none, or when it may not be executed.
  public static func find(_ program: String, path: String, directory: String) throws(ProcessFailure) -> String {
    if program.contains("/") {
      let file = program.hasPrefix("/") ? program : directory + "/" + program
      guard access(file, F_OK) == 0 else { throw ProcessFailure(.notFound(program: program, path: nil)) }
      guard isExecutable(file) else { throw ProcessFailure(.notExecutable(program)) }
      return file
    }
    var refused: String?
    for folder in path.split(separator: ":", omittingEmptySubsequences: true) {
      let file = (folder.hasPrefix("/") ? String(folder) : directory + "/" + folder) + "/" + program
      if isExecutable(file) { return file }
      if access(file, F_OK) == 0 { refused = refused ?? file }
    }
    if let refused { throw ProcessFailure(.notExecutable(refused)) }
    throw ProcessFailure(.notFound(program: program, path: path))
  }

  private static func isExecutable(_ file: String) -> Bool {
    var info = stat()
    return stat(file, &info) == 0 && info.st_mode & S_IFMT == S_IFREG && access(file, X_OK) == 0
  }
}
