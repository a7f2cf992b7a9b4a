import Diagnostics
import Reports

/// How the program ends. Scripts rely on these: they are documented in Docs/CLI.md and each has a test.
enum ExitStatus {
  static let fine: Int32 = 0
  /// A stage failed.
  static let failed: Int32 = 1
  /// The command line or a manifest is wrong; nothing ran.
  static let invalid: Int32 = 2
  /// A gate, or what a command was asked to make sure of.
  static let checkFailed: Int32 = 3
  static let nothingSelected: Int32 = 4
  /// Another run holds the lock, and `--no-wait` was given.
  static let locked: Int32 = 9
  static let bug: Int32 = 70
  static let tryAgain: Int32 = 75
  static func signal(_ number: Int32) -> Int32 { 128 + number }
}

/// Ends the program; everything has been said.
struct Ending: Error {
  let status: Int32
}

/// Ends the program with something to say.
struct Complaint: Error {
  let status: Int32
  let diagnostics: [Diagnostic]
  /// A last line under the frames.
  let closing: String?

  init(_ status: Int32, _ diagnostics: [Diagnostic], closing: String? = nil) {
    self.status = status
    self.diagnostics = diagnostics
    self.closing = closing
  }

  init(_ status: Int32, _ diagnostic: Diagnostic) { self.init(status, [diagnostic]) }

  /// A manifest or command line that is wrong.
  init(_ problems: Problems) {
    self.init(ExitStatus.invalid, problems.all, closing: problems.all.contains { $0.place != nil } ? problems.summary + "; nothing ran" : nil)
  }

  /// The argument parser's own words, in our form.
  static func usage(_ message: String) -> Complaint {
    var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var text = lines.isEmpty ? "the command line is wrong" : lines.removeFirst()
    if text.hasPrefix("Error: ") { text = String(text.dropFirst("Error: ".count)) }
    // Its sentences begin with a capital and end with a full stop; ours do neither.
    if let first = text.first, first.isUppercase { text = first.lowercased() + text.dropFirst() }
    if text.hasSuffix(".") { text.removeLast() }
    text = text.map { $0 == "'" ? "`" : String($0) }.joined()
    var notes: [Diagnostic.Note] = []
    for line in lines {
      if line.hasPrefix("Usage: ") { notes.append(.init(label: "usage", text: String(line.dropFirst("Usage: ".count)))) }
      if let see = line.firstRange(of: "See '"), line.hasPrefix("  ") { notes.append(.init(label: "help", text: String(line[see.upperBound...].prefix { $0 != "'" }))) }
    }
    return Complaint(ExitStatus.invalid, Diagnostic(id: "usage", text, at: nil, notes: notes))
  }

  func show(asJSON: Bool) {
    if asJSON {
      let answer = diagnostics.json
      var members: [ReportJSON.Member] = [.init("schema_version", .int(reportSchemaVersion))]
      if case .object(let rest) = answer { members += rest }
      members.append(.init("exit_code", .int(Int(status))))
      Console.output.write(ReportJSON.object(members).compact + "\n")
      return
    }
    let errors = Console.errors
    errors.write(diagnostics.map(errors.renderer.render).joined(separator: "\n"))
    if let closing { errors.write(closing + "\n") }
  }
}
