public import Diagnostics

/// A manifest's graph, to be drawn.
public struct GraphView: Sendable {
  public struct Node: Sendable {
    public var name: String
    public var kind: String
    public var desc: String?
    public var tags: [String]
    /// Added by the engine for a path used as a table; drawn as that path.
    public var isImplicit: Bool
    /// References to other stages as written: `dataset.train`.
    public var reads: [(stage: String, port: String?)]
    /// Paths and globs it reads from outside.
    public var sources: [String]
    /// Files it publishes.
    public var files: [String]

    public init(
      name: String, kind: String, desc: String? = nil, tags: [String] = [], isImplicit: Bool = false, reads: [(stage: String, port: String?)] = [],
      sources: [String] = [], files: [String] = []
    ) {
      self.name = name
      self.kind = kind
      self.desc = desc
      self.tags = tags
      self.isImplicit = isImplicit
      self.reads = reads
      self.sources = sources
      self.files = files
    }
  }

  /// In an order in which each comes after what it reads.
  public var nodes: [Node]

  public init(nodes: [Node]) { self.nodes = nodes }

  /// One line per stage: its name, its kind, what it reads and what it writes.
  public func text(style: TerminalStyle = .plain) -> String {
    let hidden = Dictionary(nodes.filter(\.isImplicit).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var table = TextTable(columns: [.init(title: "stage"), .init(title: "kind"), .init(title: "reads", isElastic: true), .init(title: "writes", isElastic: true)])
    table.indent = 0
    for node in nodes where !node.isImplicit {
      let reads = node.reads.flatMap { read in hidden[read.stage]?.sources ?? [read.port.map { "\(read.stage).\($0)" } ?? read.stage] } + node.sources
      table.rows.append([.init(node.name, .strong), .init(node.kind), .init(reads.joined(separator: ", ")), .init(node.files.joined(separator: ", "), .accent)])
    }
    return table.render(style)
  }

  /// For a Markdown file: https://mermaid.js.org/syntax/flowchart.html
  public var mermaid: String {
    var out = "flowchart LR\n"
    let (ids, outside) = identifiers
    for (path, id) in outside { out += "  \(id)[(\"\(Self.escaped(path))\")]\n" }
    for node in nodes where !node.isImplicit { out += "  \(ids[node.name]!)[\"\(Self.escaped(node.name))<br/><small>\(node.kind)</small>\"]\n" }
    for (from, to, label) in edges(ids, outside) { out += label.map { "  \(from) -->|\"\(Self.escaped($0))\"| \(to)\n" } ?? "  \(from) --> \(to)\n" }
    return out
  }

  /// For Graphviz.
  public var dot: String {
    func quoted(_ text: String) -> String {
      "\"" + text.map { $0 == "\"" ? "\\\"" : $0 == "\\" ? "\\\\" : $0 == "\n" ? "\\n" : String($0) }.joined() + "\""
    }
    var out = "digraph pipeline {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n"
    let (ids, outside) = identifiers
    for (path, id) in outside { out += "  \(id) [shape=cylinder, label=\(quoted(path))];\n" }
    for node in nodes where !node.isImplicit {
      let label = quoted(node.name + "\n" + node.kind).split(separator: "\n").joined(separator: "\\n")
      out += "  \(ids[node.name]!) [label=\(label)];\n"
    }
    for (from, to, label) in edges(ids, outside) { out += "  \(from) -> \(to)" + (label.map { " [label=\(quoted($0))]" } ?? "") + ";\n" }
    return out + "}\n"
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion),
      "stages": .array(
        nodes.map { node in
          .object([
            "stage": .string(node.name), "kind": .string(node.kind), "desc": node.desc.map { .string($0) },
            "tags": node.tags.isEmpty ? nil : .strings(node.tags), "implicit": node.isImplicit ? .bool(true) : nil,
            "reads": .array(node.reads.map { .object(["stage": .string($0.stage), "port": $0.port.map { .string($0) }]) }),
            "sources": .strings(node.sources), "files": .strings(node.files),
          ])
        }),
    ])
  }

  /// Ids of stages, and of the paths that are drawn beside them.
  private var identifiers: (stages: [String: String], outside: [(path: String, id: String)]) {
    var stages: [String: String] = [:]
    var outside: [(path: String, id: String)] = []
    for node in nodes {
      if !node.isImplicit { stages[node.name] = "s\(stages.count)" }
      for path in node.sources where !outside.contains(where: { $0.path == path }) { outside.append((path, "f\(outside.count)")) }
    }
    return (stages, outside)
  }

  private func edges(_ ids: [String: String], _ outside: [(path: String, id: String)]) -> [(from: String, to: String, label: String?)] {
    let hidden = Dictionary(nodes.filter(\.isImplicit).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let files = Dictionary(outside.map { ($0.path, $0.id) }, uniquingKeysWith: { first, _ in first })
    var edges: [(from: String, to: String, label: String?)] = []
    for node in nodes where !node.isImplicit {
      let to = ids[node.name]!
      for read in node.reads {
        if let implicit = hidden[read.stage] {
          for path in implicit.sources { edges.append((files[path]!, to, nil)) }
        } else if let from = ids[read.stage] {
          edges.append((from, to, read.port))
        }
      }
      for path in node.sources { edges.append((files[path]!, to, nil)) }
    }
    return edges
  }

  private static func escaped(_ text: String) -> String {
    text.map { $0 == "\"" ? "#quot;" : $0 == "<" ? "#lt;" : $0 == ">" ? "#gt;" : String($0) }.joined()
  }
}
