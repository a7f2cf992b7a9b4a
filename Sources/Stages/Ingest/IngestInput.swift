internal import Diagnostics
internal import Engine
internal import Readers

/// What `from`, `format` and `options` say: where rows come from and how they are written there.
struct IngestInput: Sendable {
  private(set) var sources: [InputSource] = []
  private(set) var isOutside = false
  let range: SourceRange?

  init(_ reader: inout SettingReader) {
    let from = reader.setting("from")
    range = from?.range
    guard let from else { return }
    let options = FormatOptions(&reader)
    for item in from.oneOrMany {
      switch item.value {
      case .stages(let references): sources += references.map(InputSource.port)
      case .text(let written):
        if let path = reader.path(item), let format = options.format(of: path, written, item, &reader) {
          add(.files(pattern: path), format)
        }
      case .map: addProgramOrDatabase(item, options, &reader)
      default: reader.report(item.problem("type", "`from` wants a path, `{run: …}`, `{sqlite: …}` or `${stages.…}`"))
      }
    }
    isOutside = sources.contains { if case .outside = $0 { true } else { false } }
    let hasStages = sources.contains { if case .port = $0 { true } else { false } }
    if isOutside, hasStages {
      reader.report(
        from.problem(
          "mixed-input", "`from` mixes files with stages",
          help: "ingest the files in a stage of their own, then list the stages: from: [\"${stages.a}\", \"${stages.b}\"]"))
    }
    if hasStages, !isOutside, let format = reader.setting("format") {
      reader.report(format.problem("format", "`format` says how files are read, and `from` has none", help: "take `format` away"))
    }
  }

  private mutating func add(_ origin: OutsideSource.Origin, _ format: RecordFormat) {
    sources.append(.outside(OutsideSource(origin: origin, format: format, seesNames: format.seesNames)))
  }

  private mutating func addProgramOrDatabase(_ item: Setting, _ options: FormatOptions, _ reader: inout SettingReader) {
    if let run = item.entry("run") {
      // What a program prints has no name that could tell its format.
      add(.command(run.texts), options.declared ?? .jsonl)
      return
    }
    guard let path = item.entry("sqlite").flatMap({ reader.path($0) }) else { return }
    if let format = reader.setting("format") {
      reader.report(format.problem("format", "a database has rows of its own: `format` says nothing", help: "take `format` away"))
    }
    if let table = item.entry("table")?.text {
      add(.sqlite(path: path, .table(table)), .database)
    } else if let query = item.entry("query")?.text {
      add(.sqlite(path: path, .query(query)), .database)
    }
  }
}

/// `format` and `options`.
private struct FormatOptions {
  /// The format that the manifest names, with its options.
  private(set) var declared: RecordFormat?
  private let options: Setting?

  init(_ reader: inout SettingReader) {
    options = reader.setting("options")
    guard let name = reader.setting("format")?.text else { return }
    let plain: RecordFormat
    switch name {
    case "jsonl": plain = .jsonl
    case "json": plain = .json(rows: [])
    case "csv": plain = .csv(CSVDialect())
    case "tsv": plain = .csv(CSVDialect(delimiter: 0x09))
    default: plain = .text(.line)
    }
    declared = applied(to: plain, &reader)
  }

  /// The format of a path: declared, or told by its name.
  func format(of path: String, _ written: String, _ setting: Setting, _ reader: inout SettingReader) -> RecordFormat? {
    if let declared { return declared }
    let name = path.split(separator: "!/").last.map(String.init) ?? path
    guard let found = RecordFormat(fileName: name) else {
      reader.report(
        setting.problem(
          "format", "the end of `\(written)` does not tell how it is written", help: "add `format: jsonl` (or json, csv, tsv, text)"))
      return nil
    }
    return applied(to: found, &reader)
  }

  private func applied(to format: RecordFormat, _ reader: inout SettingReader) -> RecordFormat {
    guard let options else { return format }
    switch format {
    case .csv(var dialect):
      if let delimiter = byte("delimiter", &reader) { dialect.delimiter = delimiter }
      if let quote = options.entry("quote"), quote.range != nil || quote.text != "\"" {
        dialect.quote = quote.text == "" || quote.text == "none" ? nil : byte("quote", &reader) ?? dialect.quote
      }
      if dialect.delimiter == dialect.quote, let quote = options.entry("quote") ?? options.entry("delimiter") {
        reader.report(quote.problem("option", "`delimiter` and `quote` are the same character"))
        return format
      }
      if let header = options.entry("header") {
        if header.bool == false { dialect.header = .none }
        if let names = header.list {
          for (index, name) in names.enumerated() where name.text == "" || names[..<index].contains(where: { $0.text == name.text }) {
            reader.report(name.problem("option", name.text == "" ? "a column needs a name" : "`header` names `\(name.text ?? "")` twice"))
          }
          dialect.header = .names(header.texts)
        }
      }
      dialect.null = options.entry("null")?.text
      return .csv(dialect)
    case .json:
      let pointer = options.entry("rows")?.text ?? ""
      return .json(rows: Self.keys(of: pointer))
    case .text: return .text(options.entry("per")?.text == "file" ? .file : .line)
    default: return format
    }
  }

  /// An option that is one ASCII character.
  private func byte(_ name: String, _ reader: inout SettingReader) -> UInt8? {
    guard let setting = options?.entry(name), let text = setting.text else { return nil }
    let bytes = Array((text == "\\t" ? "\t" : text).utf8)
    guard bytes.count == 1, bytes[0] < 0x80, bytes[0] != 0x0A, bytes[0] != 0x0D else {
      reader.report(setting.problem("option", "`\(name)` wants one ASCII character, found `\(text)`"))
      return nil
    }
    return bytes[0]
  }

  /// The keys of a JSON Pointer (RFC 6901), or of a path with dots.
  private static func keys(of pointer: String) -> [String] {
    if pointer.isEmpty { return [] }
    guard pointer.hasPrefix("/") else { return pointer.split(separator: ".").map(String.init) }
    let parts: [Substring] = Substring(pointer.utf8.dropFirst()).split(separator: "/", omittingEmptySubsequences: false)
    return parts.map { part in
      var out = ""
      var rest = part[...]
      while let character = rest.popFirst() {
        guard character == "~", let next = rest.first, next == "0" || next == "1" else {
          out.append(character)
          continue
        }
        rest.removeFirst()
        out.append(next == "0" ? "~" : "/")
      }
      return out
    }
  }
}

extension SettingReader {
  /// Where a path leads, or nil with its problem reported.
  mutating func path(_ setting: Setting) -> String? {
    let stage = stage
    return attempt { () throws(Problems) in try stage.path(setting) }
  }
}
