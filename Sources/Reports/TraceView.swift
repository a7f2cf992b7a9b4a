public import Diagnostics

/// Where a row came from: a tree whose leaves are lines of files.
public struct TraceView: Sendable {
  /// A row of a stage's output, or a line of a file.
  public enum Place: Sendable, Equatable {
    case row(stage: String, port: String, row: Int)
    case line(file: String, line: Int)
  }

  public var place: Place
  /// The row's key, or the beginning of its content.
  public var label: String
  /// The row's JSON, or the record as it stands in the file.
  public var text: String
  public var parents: [TraceView]

  public init(place: Place, label: String, text: String, parents: [TraceView]) {
    self.place = place
    self.label = label
    self.text = text
    self.parents = parents
  }

  /// The tree: the row asked for, and under it what it was made from.
  public func render(style: TerminalStyle = .plain) -> String {
    var out = line(indent: 0, style)
    for (place, parent) in parents.enumerated() { parent.append(to: &out, prefix: "", isLast: place + 1 == parents.count, style) }
    return out
  }

  private func append(to out: inout String, prefix: String, isLast: Bool, _ style: TerminalStyle) {
    out += prefix + (isLast ? "└─ " : "├─ ") + line(indent: prefix.count + 3, style)
    let below = prefix + (isLast ? "   " : "│  ")
    for (place, parent) in parents.enumerated() { parent.append(to: &out, prefix: below, isLast: place + 1 == parents.count, style) }
  }

  private func line(indent: Int, _ style: TerminalStyle) -> String {
    let name = style.paint(placeText, isFile ? .accent : .strong)
    // A row without a key is called by the beginning of its text, which says nothing beside the text.
    let isKey = !label.isEmpty && !label.hasSuffix("…") && label != text
    var rest = isKey ? "  " + TerminalStyle.line(label) : ""
    if isFile || parents.isEmpty || !isKey { rest += "  " + TerminalStyle.line(text) }
    let room = (style.width ?? 160) - indent - TerminalStyle.cells(placeText)
    return name + style.paint(TerminalStyle.cut(rest, to: max(room, 20)), .faint) + "\n"
  }

  private var isFile: Bool { if case .line = place { true } else { false } }

  private var placeText: String {
    switch place {
    case .row(let stage, let port, let row): port == "rows" ? "\(stage) row \(row)" : "\(stage).\(port) row \(row)"
    case .line(let file, let line): line > 0 ? "\(file):\(line)" : file
    }
  }

  public var json: ReportJSON {
    .object([ReportJSON.Member("schema_version", .int(reportSchemaVersion))] + members)
  }

  private var members: [ReportJSON.Member] {
    var members: [ReportJSON.Member] =
      switch place {
      case .row(let stage, let port, let row): [.init("stage", .string(stage)), .init("port", .string(port)), .init("row", .int(row))]
      case .line(let file, let line): [.init("file", .string(file)), .init("line", .int(line))]
      }
    if !label.isEmpty { members.append(.init("label", .string(label))) }
    members.append(.init("text", .string(text)))
    members.append(.init("parents", .array(parents.map { .object($0.members) })))
    return members
  }
}
