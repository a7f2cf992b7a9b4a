import Diagnostics
import Engine
import Stages

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Golden cases of a kind: Markdown beside its code, run through the real engine in a folder of their own.
///
/// A section is a case. Its fences: `file NAME` (its content), `yaml` (the manifest from `stages:` on, or all of it), `answer` (what
/// comes out: rows of every output, dropped rows, versions, or the diagnostics). `PIPE_UPDATE_GOLDEN=1 swift test` writes the answers
/// anew.
struct StageGolden {
  struct Fence {
    let info: [Substring]
    let text: String
  }

  struct Case {
    let title: String
    var fences: [Fence] = []
    /// Lines of the answer in the document.
    var answer: Range<Int>?
  }

  let path: String
  private(set) var lines: [String]
  private(set) var cases: [Case] = []

  init(path: String) {
    self.path = path
    lines = String(decoding: TestFiles.read(path), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var at = 0
    while at < lines.count {
      if lines[at].hasPrefix("## ") {
        cases.append(Case(title: String(lines[at].dropFirst(3))))
      } else if lines[at].hasPrefix("```"), lines[at].count > 3, !cases.isEmpty {
        let info = lines[at].dropFirst(3).split(separator: " ")
        let start = at + 1
        at = start
        while lines[at] != "```" { at += 1 }
        if info[0] == "answer" { cases[cases.count - 1].answer = start..<at }
        cases[cases.count - 1].fences.append(Fence(info: info, text: lines[start..<at].map { $0 + "\n" }.joined()))
      }
      at += 1
    }
  }

  /// The written answer of a case.
  func expected(_ index: Int) -> String { cases[index].fences.first { $0.info[0] == "answer" }?.text ?? "" }

  /// Puts another answer in its place.
  mutating func set(_ answer: String, _ index: Int) {
    guard let range = cases[index].answer else { return }
    let new = answer.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    lines.replaceSubrange(range, with: new)
    for other in cases.indices {
      guard let old = cases[other].answer, old.lowerBound > range.lowerBound else { continue }
      cases[other].answer = (old.lowerBound + new.count - range.count)..<(old.upperBound + new.count - range.count)
    }
  }

  func save() { TestFiles.write(path, Array(lines.joined(separator: "\n").utf8)) }

  /// Whether answers are to be written anew.
  static var updates: Bool { getenv("PIPE_UPDATE_GOLDEN").map { String(cString: $0) } == "1" }

  /// What a case comes to.
  static func run(_ golden: Case, _ kinds: [String: any StageKind.Type]) -> String {
    let root = TestFiles.temporaryFolder()
    defer { TestFiles.remove(root) }
    var manifest = "schema: pipe/v1\nname: golden\n"
    for fence in golden.fences {
      switch fence.info[0] {
      case "file": TestFiles.write(root + "/" + fence.info[1], Array(fence.text.utf8))
      case "yaml": manifest = fence.text.hasPrefix("schema:") ? fence.text : manifest + fence.text
      default: break
      }
    }
    TestFiles.write(root + "/pipe.yaml", Array(manifest.utf8))
    return answer(root, kinds)
  }

  private static func answer(_ root: String, _ kinds: [String: any StageKind.Type]) -> String {
    let renderer = DiagnosticRenderer(color: false, width: 100)
    let session: Session
    do throws(Session.Failure) {
      session = try Session(manifest: root + "/pipe.yaml", workspace: Workspace(root: root), kinds: kinds)
    } catch {
      switch error {
      case .invalid(let problems): return problems.all.map { renderer.render($0) }.joined()
      case .store(let error): return "\(error)\n"
      }
    }
    var out = ""
    do {
      let report = try session.run(RunOptions())
      for stage in report.stages where !stage.isImplicit || stage.failure != nil {
        if let failure = stage.failure {
          out += renderer.render(failure)
          continue
        }
        guard stage.status == .ran || stage.status == .cached else {
          out += "\(stage.name): \(stage.status.rawValue)\n"
          continue
        }
        for output in stage.outputs where output.isPublic && (output.rows > 0 || output.port == stage.outputs.first?.port) {
          out += "\(stage.name).\(output.port)\n"
          for row in try session.show("\(stage.name).\(output.port)", count: 1000).rows { out += "  " + String(decoding: row, as: UTF8.self) + "\n" }
        }
        for drop in stage.dropped { out += "dropped \(drop.count) \(drop.reason)\n" }
        for fact in stage.facts { out += "fact \(fact.name) \(fact.sum)\n" }
        for check in stage.checks { out += "check \(check.text): \(check.outcome.rawValue) (\(check.detail))\n" }
        out += versions(kinds[stage.kind]!) + " \(stage.outputs[0].content)\n"
      }
      // Whatever ran once must not run again.
      let again = try session.run(RunOptions())
      if report.exitCode == 0, again.ran > 0 { out += "a second run executes \(again.ran) tasks\n" }
    } catch { out += "\(error)\n" }
    return out
  }

  /// The versions that equal bytes stand under: when an answer changes and this line does not, a version was not raised.
  private static func versions(_ kind: any StageKind.Type) -> String {
    let components = kind.components.sorted { $0.name < $1.name }.map { "\($0.name)/\($0.version)" }
    return "made by \(kind.name)/\(kind.version)" + (components.isEmpty ? "" : " with " + components.joined(separator: " "))
  }
}

/// Files of tests, without Foundation.
enum TestFiles {
  static func temporaryFolder() -> String {
    var template = Array("/tmp/pipe-stages-XXXXXX".utf8CString)
    return String(cString: mkdtemp(&template)!)
  }

  static func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  static func write(_ path: String, _ bytes: [UInt8]) {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o755)
    }
    guard let file = fopen(path, "wb") else { preconditionFailure("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  static func remove(_ path: String) {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
        if name == "." || name == ".." { continue }
        let child = path + "/" + name
        if unlink(child) != 0 { remove(child) }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}
