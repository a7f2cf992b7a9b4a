import Foundation
import Testing

/// What is heavy runs one after the other, so that times and processes are its own.
@Suite(.serialized) enum HeavyTests {}

/// A folder with a manifest in which `pipe` is run, copied and compared.
struct TicketWorkspace: @unchecked Sendable {  // a path that does not change
  let folder = CLIProgram.Folder()
  var path: String { folder.path }

  /// The last line of `pipe run --json`.
  struct Summary {
    let answer: CLIProgram.Answer
    var status: Int32 { answer.status }
    var ran: Int? { answer.json["ran"] as? Int }
    var cached: Int? { answer.json["cached"] as? Int }

    struct Stage {
      let tasks, ran, cached: Int
    }

    func stage(_ name: String) throws -> Stage {
      let stages = try #require(
        answer.json["stages"] as? [[String: Any]], "no summary: \(answer.errors)")
      let stage = try #require(stages.first { $0["stage"] as? String == name }, "no stage \(name)")
      func number(_ field: String) throws -> Int { try #require(stage[field] as? Int) }
      return Stage(tasks: try number("tasks"), ran: try number("ran"), cached: try number("cached"))
    }
  }

  func start(_ arguments: [String] = [], environment: [String: String] = [:]) throws
    -> CLIProgram.Running
  {
    try CLIProgram.start(["run", "--json"] + arguments, in: path, environment: environment)
  }

  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Summary {
    Summary(answer: try start(arguments, environment: environment).wait())
  }

  /// A run that must succeed.
  @discardableResult
  func runs(
    _ arguments: String..., environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Summary {
    let summary = Summary(answer: try start(arguments, environment: environment).wait())
    try #require(
      summary.status == 0,
      "status \(summary.status): \(summary.answer.errors) \(String(summary.answer.output.suffix(2000)))",
      sourceLocation: sourceLocation)
    return summary
  }

  /// Everything that a run leaves for people: the files of `Outputs/`, and the locks.
  func results() -> [String: Data] {
    var found: [String: Data] = [:]
    for case let name as String in FileManager.default.enumerator(atPath: path + "/Outputs")
      ?? .init()
    {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path + "/Outputs/" + name, isDirectory: &isFolder)
      if !isFolder.boolValue {
        found["Outputs/" + name] = FileManager.default.contents(atPath: path + "/Outputs/" + name)
      }
    }
    for place in ["", "Manifests/"] {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: path + "/" + place)) ?? []
      where name.hasSuffix(".lock") {
        found[place + name] = FileManager.default.contents(atPath: path + "/" + place + name)
      }
    }
    return found
  }

  /// The names whose bytes are not equal: short in a message, where the bytes are not.
  static func differing(_ one: [String: Data], _ other: [String: Data]) -> [String] {
    Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
  }

  func differing(from other: [String: Data]) -> [String] { Self.differing(results(), other) }

  /// A new folder with the same inputs, and nothing that a run has made.
  func inputsOnly() throws -> TicketWorkspace {
    let copy = TicketWorkspace()
    for name in try FileManager.default.contentsOfDirectory(atPath: path)
    where name != ".pipe" && name != "Outputs" && !name.hasSuffix(".lock") {
      try Self.command("cp", "-a", path + "/" + name, copy.path + "/")
    }
    for name in copy.results().keys { try copy.remove(name) }
    return copy
  }

  /// `cp -a` of everything.
  func copied() throws -> TicketWorkspace {
    let copy = TicketWorkspace()
    try Self.command("cp", "-a", path + "/.", copy.path + "/")
    return copy
  }

  /// What a run from nothing makes of the same inputs.
  func fresh() throws -> [String: Data] {
    let other = try inputsOnly()
    let summary = try other.runs()
    #expect(summary.cached == 0)
    return other.results()
  }

  func edit(_ file: String, _ replacements: (String, String)...) throws {
    var text = try folder.read(file)
    for (old, new) in replacements {
      try #require(text.contains(old), "\(old) is not in \(file)")
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write(file, text)
  }

  func remove(_ file: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + file)
  }

  /// The files below a folder, with their full paths, in a fixed order.
  func files(below name: String) -> [String] {
    var found: [String] = []
    for case let file as String in FileManager.default.enumerator(atPath: path + "/" + name)
      ?? .init()
    {
      let full = path + "/" + name + "/" + file
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder.boolValue {
        found.append(full)
      }
    }
    return found.sorted()
  }

  static func command(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(arguments)")
  }
}
