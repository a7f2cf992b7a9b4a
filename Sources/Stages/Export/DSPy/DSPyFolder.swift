internal import Diagnostics
internal import Engine
internal import Rows

/// The folder of a DSPy export: the example files that `to` names, and beside them the program.
struct DSPyFolder: Sendable {
  static let statePort = "program.state"
  static let codePort = "program.code"

  let program: DSPyProgram
  /// Columns that identify a row, written with each example.
  let rowKey: [String]

  init(_ options: Setting?, rowKey: [String], _ reader: inout SettingReader) {
    program = DSPyProgram(options, &reader)
    self.rowKey = rowKey
    if let shards = reader.setting("shards"), (shards.int ?? 1) > 1 {
      reader.report(shards.problem("dspy", "a dspy folder has one file of examples per split", help: "leave `shards` out"))
    }
  }

  /// The files beside the examples; nothing when `to` does not lead to one folder.
  func publications(beside examples: [(name: String, path: String)], _ reader: inout SettingReader) -> [Publication] {
    let parts = examples.map { example -> (folder: String, file: String) in
      guard let slash = example.path.lastIndex(of: "/") else { return ("", example.path) }
      return (String(example.path[...slash]), String(example.path[example.path.index(after: slash)...]))
    }
    guard let folder = parts.first?.folder else { return [] }
    let to = reader.setting("to")
    if parts.contains(where: { $0.folder != folder }) {
      to.map { reader.report($0.problem("dspy", "a dspy export is one folder, and `${split}` makes several of it", help: "to: Outputs/triage/${split}.jsonl")) }
      return []
    }
    if let wrong = parts.first(where: { !$0.file.hasSuffix(".jsonl") }) {
      to.map { reader.report($0.problem("dspy", "`\(wrong.file)` is to hold examples, which are JSON Lines", help: "to: \(folder)${split}.jsonl")) }
    }
    let rows = examples[0].name
    let code = [
      ("signature.py", DSPyCode.signature(program)), ("program.py", DSPyCode.program(program)),
      ("load.py", DSPyCode.load(zip(examples, parts).map { ($0.name, $1.file) })),
    ]
    return code.map { Publication(path: folder + $0.0, port: Self.codePort, rowsPort: rows, header: Array($0.1.utf8)) }
      + [Publication(path: folder + "program.json", port: Self.statePort, rowsPort: rows)]
  }
}
