#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Rows
import Store

@testable import Engine

/// A workspace in a temporary folder, with files to edit and runs to make.
final class Bench {
  let workspace: Workspace

  init() {
    let root = "/tmp/pipe-engine-\(getpid())-\(UInt64.random(in: .min ... .max))"
    mkdir(root, 0o755)
    mkdir(root + "/data", 0o755)
    workspace = Workspace(root: root)
  }

  deinit { FileTree.remove(workspace.root) }

  func write(_ path: String, _ text: String) { try! AtomicFile.write(workspace.absolute(path), Array(text.utf8), sync: false) }
  func read(_ path: String) -> [UInt8]? { try? Workspace.read(workspace.absolute(path)).get() }
  func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

  func session(_ stages: [Stage], _ workspace: Workspace? = nil) throws -> Session {
    try Session(
      testing: Pipeline(
        path: "test.yaml", name: "test", version: "0.0.0", desc: nil, license: nil, graph: Graph(stages: stages), isLocked: true, parameters: [], selectors: [:], profileJobs: nil,
        profileUsesCache: true, remarks: [], files: ["test.yaml"]), workspace: workspace ?? self.workspace)
  }

  @discardableResult
  func run(_ stages: [Stage], _ options: RunOptions = RunOptions()) throws -> RunReport { try session(stages).run(options) }
}

/// Random numbers from a seed (SplitMix64), the same everywhere.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// Rows of JSON Lines of changing lengths.
enum RandomRows {
  static func row(_ id: Int, _ random: inout Seeded) -> String {
    let words = ["karte", "zahlung", "konto", "rückruf", "\\\"zitat\\\"", "strom", "zähler", "login", "passwort", "😀"]
    let text = (0..<Int.random(in: 20...160, using: &random)).map { _ in words[Int.random(in: 0..<words.count, using: &random)] }.joined(separator: " ")
    return "{\"id\":\"T\(id)\",\"text\":\"\(text)\",\"n\":\(Int.random(in: 0...999, using: &random))}"
  }

  static func rows(_ count: Int, seed: UInt64) -> [String] {
    var random = Seeded(seed)
    return (0..<count).map { row($0, &random) }
  }

  static func text(_ rows: [String]) -> String { rows.joined(separator: "\n") + "\n" }
}
