internal import Diagnostics

extension StageFields {
  public static let exec = KindDeclaration(
    "exec", doc: "Runs a program: the way out to everything else.",
    fields: FieldSet(
      "exec",
      [
        Field(
          "from", .oneOf([.oneOrMany(.input), .map(.port, .input)]), default: .list([]), keying: .content,
          alsoCalled: ["input", "inputs", "deps", "depends_on"],
          doc: "Rows that come in: one input, several that are concatenated, or several under names.", example: "from: { docs: \"${stages.chunks}\" }"
        ),
        Field(
          "run", .oneOf([.text, .list(.text)]), required: true, alsoCalled: ["cmd", "command", "args", "exec"],
          doc: "The program and its arguments; `${in.name}` and `${out.name}` are files. No shell; the working directory is the workspace root.",
          example: "run: [python3, Pipelines/qa/ask.py]"),
        Field(
          "rows", .choice("table", "chunk", "row", "file"), default: .string("table"),
          doc:
            "How rows go through: JSON Lines through stdin and stdout of one process for the table, of one per chunk, of one per worker that answers each line with exactly one line in order; or files.",
          example: "rows: row"),
        Field(
          "row_key", StageFields.key, alsoCalled: ["key", "id"], doc: "Carries lineage through; without it rows are marked unknown.",
          example: "row_key: chunk_id"),
        Field(
          "sheet", .word(.tag), defaultNote: "required when labels attach",
          doc: "The first part of every label's key, as for ingest.", example: "sheet: questions"),
        Field(
          "outputs", .map(.port, .oneOf([.choice("jsonl"), .path(.output)])), default: .map([.init("rows", .string("jsonl"))]),
          keying: .none, alsoCalled: ["outs", "output"],
          doc: "Ports, with `rows: file`: rows, or a file that is published.", example: "outputs: { index: Outputs/index.bin }"),
        Field(
          "files", .list(.path(.source)), default: .list([]), keying: .content, alsoCalled: ["deps", "file"], doc: "Scripts and data it reads.",
          example: "files: [Pipelines/qa/ask.py]"),
        Field(
          "tools", .list(.text), default: .list([]), keying: .content, alsoCalled: ["tool"], doc: "Programs whose version is in the key.",
          example: "tools: [python3]"),
        Field(
          "env", .map(.identifier, .verbatim), default: .map([]), alsoCalled: ["environment"],
          doc: "All the environment it gets, with PATH and HOME.", example: "env: { TZ: UTC }"),
        Field(
          "secrets", .list(.word(.identifier)), default: .list([]), keying: .none, alsoCalled: ["secret"],
          doc: "Variables given by name; never stored, never in a key.", example: "secrets: [LLM_API_KEY]"),
        Field(
          "effect", .choice("pure", "snapshot", "submit", "volatile"), default: .string("pure"), doc: "What it does to the world.",
          example: "effect: snapshot"),
        Field("version", .verbatim, doc: "A part of the key made by hand.", example: "version: gpt-4.1 2026-10"),
        Field("shell", .bool, default: .bool(false), doc: "`run` is one text for /bin/sh.", example: "shell: true"),
      ], shape: checkRun),
    ports: [.init("rows", "The rows it wrote; with `outputs`, the ports named there.")])

  @Sendable private static func checkRun(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    guard let run = values["run"] else { return }
    let isShell = values.bool("shell") ?? false
    if !isShell, let text = run.string {
      diagnostics.append(
        Diagnostic(
          id: "type", "`run` wants a list: the program, then its arguments", at: run.range?.place,
          help: "run: [" + text.split(separator: " ").joined(separator: ", ") + "], or shell: true"))
    }
    if isShell, run.list != nil {
      diagnostics.append(
        Diagnostic(id: "type", "with `shell: true`, `run` is one text", at: run.range?.place, help: "remove `shell`, or write one text"))
    }
    if values.isWritten("outputs"), values.string("rows") != "file", values["rows"]?.string != nil {
      diagnostics.append(
        Diagnostic(
          id: "conflict", "`outputs` needs `rows: file`", at: values.range(of: "outputs")?.place,
          help: "otherwise the one output is what the program writes to stdout: remove `outputs`, or add rows: file"))
    }
    if let list = run.list, list.isEmpty {
      diagnostics.append(Diagnostic(id: "type", "`run` names no program", at: run.range?.place, help: "run: [python3, Pipelines/qa/ask.py]"))
    }
  }
}
