import Foundation
import Testing

/// The built program, driven as a person or a script drives it.
struct CLIProgram {
  struct Answer {
    let status: Int32
    let output: String
    let errors: String
    /// The JSON records of the output, one per line.
    var records: [[String: Any]] {
      output.split(separator: "\n").compactMap { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any] }
    }
    var json: [String: Any] { records.last ?? [:] }
  }

  /// `PIPE_BINARY`, or what this package built beside the tests.
  static let path: String = {
    if let given = ProcessInfo.processInfo.environment["PIPE_BINARY"] { return given }
    return repository + "/.build/debug/pipe"
  }()

  static let repository: String = {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  }()

  /// A folder of its own for each test, gone with it.
  final class Folder {
    let path: String

    init() {
      path = FileManager.default.temporaryDirectory.path + "/pipe-cli-\(UUID().uuidString)"
      try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ file: String, _ text: String) throws {
      let url = URL(fileURLWithPath: path + "/" + file)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }

    func read(_ file: String) throws -> String { try String(contentsOfFile: path + "/" + file, encoding: .utf8) }
    func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + file) }
  }

  static func start(_ arguments: [String], in folder: String, environment: [String: String] = [:], input: String? = nil) throws -> Running {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var variables = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder]
    variables.merge(environment) { $1 }
    process.environment = variables
    // Files, not pipes: nobody has to read while the program writes.
    let base = FileManager.default.temporaryDirectory.path + "/pipe-answer-\(UUID().uuidString)"
    for suffix in [".out", ".err", ".in"] { _ = FileManager.default.createFile(atPath: base + suffix, contents: suffix == ".in" ? Data((input ?? "").utf8) : nil) }
    process.standardInput = FileHandle(forReadingAtPath: base + ".in")
    process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
    process.standardError = FileHandle(forWritingAtPath: base + ".err")
    try process.run()
    return Running(process: process, base: base)
  }

  struct Running {
    let process: Process
    let base: String

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    func wait() -> Answer {
      process.waitUntilExit()
      func text(_ suffix: String) -> String { String(decoding: FileManager.default.contents(atPath: base + suffix) ?? Data(), as: UTF8.self) }
      defer { for suffix in [".out", ".err", ".in"] { try? FileManager.default.removeItem(atPath: base + suffix) } }
      let status = process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
      return Answer(status: status, output: text(".out"), errors: text(".err"))
    }
  }

  static func run(_ arguments: String..., in folder: String, environment: [String: String] = [:], input: String? = nil) throws -> Answer {
    try start(arguments, in: folder, environment: environment, input: input).wait()
  }
}
