import Foundation

/// Ingest, assemble, export of one file, from nothing.
enum ColdSuite {
  static let manifest = """
    schema: pipe/v1
    name: bench
    stages:
      tickets: { kind: ingest, from: ../rows.jsonl, row_key: ticket_id }
      pairs:
        kind: assemble
        from: ${stages.tickets}
        messages:
          - { role: system, content: You classify support tickets. }
          - { role: user, template: prompt.jinja }
          - { role: assistant, content: "{{ label }}" }
      dataset: { kind: export, from: "${stages.pairs}", format: openai-chat, to: Outputs/train.jsonl }

    """

  struct Peer {
    let name: String
    let script: String
    let packages: [String]
  }

  static let peers = [
    Peer(name: "orjson + Jinja2", script: "jinja2_orjson.py", packages: ["orjson", "jinja2"]),
    Peer(name: "orjson + minijinja", script: "minijinja_orjson.py", packages: ["orjson", "minijinja"]),
    Peer(name: "DuckDB", script: "duckdb_sql.py", packages: ["duckdb"]),
    Peer(name: "Polars", script: "polars_lazy.py", packages: ["polars"]),
  ]

  static func run(_ place: Place, _ table: inout ResultTable) throws {
    let folder = try prepare(place)
    let rows = place.path("rows.jsonl")
    let ours = try place.repeated([place.pipe, "run", "bench.yaml", "-j", "2"], in: folder) { try place.forget(folder) }
    table.add("cold", "pipe", ours, note: "with caching, validation, row lineage")
    for peer in peers where place.has(peer.packages) {
      let cost = try place.repeated([place.python, place.peers + "/" + peer.script, rows, place.path("peer.jsonl"), place.peers + "/prompt.jinja"], in: folder)
      table.add("cold", peer.name, cost, against: nil, note: String(format: "pipe: %.2f × wall, %.2f × CPU", ours.wall / cost.wall, ours.cpu / cost.cpu))
    }
    let again = try place.repeated([place.pipe, "run", "bench.yaml", "-j", "2"], in: folder)
    table.add("nothing changed", "pipe", again)
    let bytes = try place.size(of: folder + "/.pipe")
    let both = try place.size(of: rows) + place.size(of: folder + "/Outputs")
    table.lines[table.lines.count - 1].note = String(format: "the store holds %.2f × inputs + outputs", Double(bytes) / Double(both))
  }

  /// The rows and a workspace beside them.
  static func prepare(_ place: Place) throws -> String {
    let rows = place.path("rows.jsonl")
    if !FileManager.default.fileExists(atPath: rows) { try TicketRows.write(place.options.rows, to: rows) }
    let folder = try place.workspace("cold", manifest: manifest)
    try FileManager.default.copyItem(atPath: place.peers + "/prompt.jinja", toPath: folder + "/prompt.jinja")
    return folder
  }
}

extension Place {
  /// Bytes of a file, or of everything in a folder.
  func size(of path: String) throws -> Int {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return 0 }
    if !isFolder.boolValue { return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0 }
    let names = FileManager.default.enumerator(atPath: path)
    var total = 0
    while let name = names?.nextObject() as? String {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      if attributes[.type] as? FileAttributeType == .typeRegular { total += attributes[.size] as? Int ?? 0 }
    }
    return total
  }
}
