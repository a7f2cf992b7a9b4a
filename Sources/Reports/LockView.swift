public import Diagnostics

/// What a lock says, for people.
public struct LockView: Sendable {
  public struct Line: Sendable {
    public var name: String
    /// In hexadecimal.
    public var digest: String
    public var rows: Int
    public var bytes: Int
    public var detail: String

    public init(name: String, digest: String, rows: Int, bytes: Int, detail: String) {
      self.name = name
      self.digest = digest
      self.rows = rows
      self.bytes = bytes
      self.detail = detail
    }
  }

  public var path: String
  public var manifest: String
  public var version: String
  public var sources: [Line]
  public var outputs: [Line]
  public var files: [Line]

  public init(path: String, manifest: String, version: String, sources: [Line], outputs: [Line], files: [Line]) {
    self.path = path
    self.manifest = manifest
    self.version = version
    self.sources = sources
    self.outputs = outputs
    self.files = files
  }

  public func render(style: TerminalStyle = .plain) -> String {
    var table = TextTable(columns: [
      .init(title: ""), .init(title: "", isElastic: true), .init(title: "rows", isNumeric: true), .init(title: "bytes", isNumeric: true), .init(title: "digest"),
      .init(title: "", isElastic: true),
    ])
    table.indent = 0
    for (title, lines) in [("source", sources), ("output", outputs), ("file", files)] {
      for line in lines {
        table.rows.append([
          .init(title, .faint), .init(line.name), .init(Figures.count(line.rows)), .init(Figures.bytes(line.bytes)),
          .init("sha256:" + Figures.short(line.digest), .faint),
          .init(line.detail, .faint),
        ])
      }
    }
    return style.paint(path, .strong) + "  \(manifest) \(version)\n" + table.render(style)
  }

  public var json: ReportJSON {
    func list(_ lines: [Line], _ detail: String?) -> ReportJSON {
      .array(
        lines.map { line in
          .object(
            [
              .init("name", .string(line.name)), .init("digest", .string("sha256:" + line.digest)), .init("rows", .int(line.rows)), .init("bytes", .int(line.bytes)),
            ] + (detail.map { [ReportJSON.Member($0, .string(line.detail))] } ?? []))
        })
    }
    return .object([
      "schema_version": .int(reportSchemaVersion), "lock": .string(path), "name": .string(manifest), "version": .string(version),
      "sources": list(sources, "readers"), "outputs": list(outputs, nil), "files": list(files, "from"),
    ])
  }
}
