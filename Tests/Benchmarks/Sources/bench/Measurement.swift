import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// What one process, with everything it waited for, cost.
struct Measurement: Codable {
  /// Seconds on the clock.
  var wall: Double
  /// Seconds of processors, user and system.
  var cpu: Double
  /// The largest resident set of any one process, in bytes.
  var peak: Int

  /// The run with the median wall time.
  static func median(_ runs: [Measurement]) -> Measurement { runs.sorted { $0.wall < $1.wall }[runs.count / 2] }
}

enum BenchError: Error, CustomStringConvertible {
  case failed(String, status: Int32, output: String)
  case unusable(String)

  var description: String {
    switch self {
    case .failed(let what, let status, let output): "\(what) ended with \(status)\n\(output)"
    case .unusable(let what): what
    }
  }
}

/// Runs a command to its end; its output goes to a file, because a terminal would be measured too.
///
/// A process begins with the resident set of whoever started it, and the kernel counts that as its own peak: a small process in between keeps
/// the rows that we hold out of the figure.
func measure(_ arguments: [String], in folder: String) throws -> Measurement {
  let result = NSTemporaryDirectory() + "bench-\(getpid()).json"
  let ended = try spawn([own, "measure", result, folder] + arguments, output: nil).status
  guard ended == 0 else {
    let output = (try? String(contentsOfFile: result, encoding: .utf8)) ?? ""
    throw BenchError.failed(arguments.joined(separator: " "), status: ended, output: String(output.suffix(2_000)))
  }
  return try JSONDecoder().decode(Measurement.self, from: Data(contentsOf: URL(fileURLWithPath: result)))
}

/// The process in between: RESULT FOLDER COMMAND…; the result file takes the figures, or what a failing command wrote.
func measureOne(_ arguments: [String]) throws -> Int32 {
  guard arguments.count > 2, FileManager.default.changeCurrentDirectoryPath(arguments[1]) else { throw BenchError.unusable("measure wants RESULT FOLDER COMMAND") }
  let (status, cost) = try spawn(Array(arguments[2...]), output: arguments[0])
  if status == 0 { try JSONEncoder().encode(cost).write(to: URL(fileURLWithPath: arguments[0])) }
  return status
}

/// Where this program lies.
private let own = URL(fileURLWithPath: CommandLine.arguments[0]).standardized.path

private func spawn(_ arguments: [String], output: String?) throws -> (status: Int32, cost: Measurement) {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  if let output {
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
  }
  let argv = arguments.map { strdup($0) } + [nil]
  defer { for pointer in argv { free(pointer) } }
  var child: pid_t = 0
  let clock = ContinuousClock()
  let start = clock.now
  let status = posix_spawnp(&child, arguments[0], &actions, nil, argv, environ)
  guard status == 0 else { throw BenchError.unusable("\(arguments[0]): \(String(cString: strerror(status)))") }
  var ended: Int32 = 0
  var usage = rusage()
  while wait4(child, &ended, 0, &usage) == -1 && errno == EINTR {}
  let wall = (clock.now - start).seconds
  #if os(Linux)
    let unit = 1_024
  #else
    let unit = 1
  #endif
  let cost = Measurement(wall: wall, cpu: usage.ru_utime.seconds + usage.ru_stime.seconds, peak: Int(usage.ru_maxrss) * unit)
  return (ended & 0x7F == 0 ? (ended >> 8) & 0xFF : 128 + (ended & 0x7F), cost)
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension timeval {
  var seconds: Double { Double(tv_sec) + Double(tv_usec) * 1e-6 }
}
