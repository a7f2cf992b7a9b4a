import Foundation

/// Runs `pipe` and every peer that is installed on the same work, and keeps one table of what it cost.
///
///     PIPE_BINARY=.build/release/pipe bench [--rows N] [--files N] [--runs N] [--only WORD] [--work DIR] [--keep FILE]
@main
struct Bench {
  static func main() {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == "measure" { exit(try measureOne(Array(arguments.dropFirst()))) }
      if arguments.first == "plot" { return try Plot.run(Array(arguments.dropFirst())) }
      try run(Options(arguments))
    } catch {
      FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ options: Options) throws {
    let place = try Place(options)
    var table = ResultTable(machine: Machine.describe(), rows: options.rows, runs: options.runs)
    let suites: [(name: String, run: (Place, inout ResultTable) throws -> Void)] = [
      ("start", StartSuite.run), ("cold", ColdSuite.run), ("edits", EditSuite.run), ("graphs", GraphSuite.run),
      ("readers", ReaderSuite.run), ("scale", ScaleSuite.run), ("statistics", StatisticsSuite.run),
    ]
    for suite in suites where options.only == nil || options.only == suite.name { try suite.run(place, &table) }
    print(table.markdown)
    if let keep = options.keep { try table.markdown.write(toFile: keep, atomically: true, encoding: .utf8) }
  }
}

struct Options {
  var rows = 200_000
  /// Small files, in a folder and in an archive.
  var files = 100_000
  var runs = 3
  var only: String?
  var work = NSTemporaryDirectory() + "pipe-bench"
  var keep: String?

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw BenchError.unusable("\(name) wants a value") }
      switch name {
      case "--rows": rows = Int(value) ?? rows
      case "--files": files = Int(value) ?? files
      case "--runs": runs = max(1, Int(value) ?? runs)
      case "--only": only = value
      case "--work": work = value
      case "--keep": keep = value
      default: throw BenchError.unusable("there is no \(name)")
      }
    }
  }
}

/// Where everything is: the program, the peers, the scratch folder.
struct Place {
  let options: Options
  /// Absolute path of the release `pipe`.
  let pipe: String
  /// The folder of the peers' scripts and their virtual environment.
  let peers: String
  let python: String
  /// The peers' virtual environment.
  let environment: String

  init(_ options: Options) throws {
    self.options = options
    guard let pipe = ProcessInfo.processInfo.environment["PIPE_BINARY"] else { throw BenchError.unusable("PIPE_BINARY names no program") }
    self.pipe = URL(fileURLWithPath: pipe).path
    peers = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Peers").standardized.path
    environment = ProcessInfo.processInfo.environment["BENCH_VENV"] ?? peers + "/../.venv"
    python = FileManager.default.isExecutableFile(atPath: environment + "/bin/python3") ? environment + "/bin/python3" : "python3"
    try? FileManager.default.removeItem(atPath: options.work)
    try FileManager.default.createDirectory(atPath: options.work, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { options.work + "/" + name }

  /// A fresh folder with a manifest in it.
  func workspace(_ name: String, manifest: String) throws -> String {
    let folder = path(name)
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try manifest.write(toFile: folder + "/bench.yaml", atomically: true, encoding: .utf8)
    return folder
  }

  /// Whether the peer's packages are there.
  func has(_ packages: [String]) -> Bool {
    (try? measure([python, "-c", "import " + packages.joined(separator: ", ")], in: options.work)) != nil
  }

  /// Whether a program is on the path.
  func hasProgram(_ name: String) -> Bool { (try? measure(["sh", "-c", "command -v " + name], in: options.work)) != nil }

  /// The median of several runs, each after `before`.
  func repeated(_ arguments: [String], in folder: String, before: () throws -> Void = {}) throws -> Measurement {
    var runs: [Measurement] = []
    for _ in 0..<options.runs {
      try before()
      runs.append(try measure(arguments, in: folder))
    }
    return .median(runs)
  }

  /// A folder without what `pipe` has kept there.
  func forget(_ folder: String) throws {
    for name in [".pipe", "Outputs", "bench.lock"] { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
  }
}
