import Foundation

/// Ingest alone, of large files: what reading, checking, cutting, digests, row keys and the cache cost together.
///
/// Peers read the same file into memory (a table of all columns), or unpack it to nowhere.
enum ReaderSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    try csv(place, &table)
    try zstd(place, &table)
    try members(place, &table)
  }

  /// Runs an ingest from nothing, then each peer; every line says megabytes of the file's content per second.
  private static func compare(
    _ place: Place, _ table: inout ResultTable, _ work: String, manifest: String, bytes: Int, peers: [(name: String, command: [String], packages: [String])]
  ) throws {
    let folder = try place.workspace("readers", manifest: manifest)
    let ours = try place.repeated([place.pipe, "run", "bench.yaml", "-j", "2"], in: folder) { try place.forget(folder) }
    table.add(work, "pipe", ours, note: "\(rate(bytes, ours)); checks every record, digests, row keys, cache")
    for peer in peers where peer.packages.isEmpty ? place.hasProgram(peer.command[0]) : place.has(peer.packages) {
      guard let cost = try? place.repeated(peer.command, in: place.options.work) else { continue }
      table.add(work, peer.name, cost, note: String(format: "\(rate(bytes, cost)); pipe: %.2f × wall, %.2f × CPU", ours.wall / cost.wall, ours.cpu / cost.cpu))
    }
    let again = try place.repeated([place.pipe, "run", "bench.yaml", "-j", "2"], in: folder)
    table.add(work + ", nothing changed", "pipe", again)
  }

  private static func rate(_ bytes: Int, _ cost: Measurement) -> String { String(format: "%.0f MB/s", Double(bytes) / 1e6 / cost.wall) }

  private static func stage(_ from: String) -> String { "schema: pipe/v1\nname: bench\nstages:\n  rows: { kind: ingest, from: \(from) }\n" }

  private static func peers(_ place: Place, _ what: String, _ path: String) -> [(name: String, command: [String], packages: [String])] {
    [
      ("DuckDB", [place.python, place.peers + "/read_duckdb.py", what, path], ["duckdb"]),
      ("Polars", [place.python, place.peers + "/read_polars.py", what, path], ["polars"]),
    ]
  }

  private static func csv(_ place: Place, _ table: inout ResultTable) throws {
    let path = place.path("rows.csv")
    try TicketRows.writeCSV(place.options.rows, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try compare(
      place, &table, "CSV", manifest: stage("../rows.csv, row_key: ticket_id"), bytes: try place.size(of: path), peers: peers(place, "csv", path))
  }

  private static func zstd(_ place: Place, _ table: inout ResultTable) throws {
    guard place.hasProgram("zstd") else { return }
    let path = place.path("big.jsonl")
    try TicketRows.write(place.options.rows, to: path)
    let bytes = try place.size(of: path)
    _ = try measure(["zstd", "-q", "-3", "--rm", "-f", path], in: place.options.work)
    defer { try? FileManager.default.removeItem(atPath: path + ".zst") }
    try compare(
      place, &table, "JSON Lines .zst", manifest: stage("../big.jsonl.zst, row_key: ticket_id"), bytes: bytes,
      peers: peers(place, "jsonl", path + ".zst") + [("zstd -d", ["zstd", "-d", "-q", "-f", "-o", "/dev/null", path + ".zst"], [])])
  }

  private static func members(_ place: Place, _ table: inout ResultTable) throws {
    let path = place.path("files.tar")
    let bytes = try TicketRows.writeTar(place.options.files, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try compare(
      place, &table, "\(place.options.files) text files in a tar", manifest: stage("\"../files.tar!/**/*.txt\", options: { per: file }"), bytes: bytes,
      peers: [
        ("bsdtar -xO", ["bsdtar", "-xOf", path], []), ("tar -xO", ["tar", "-xOf", path], []),
        ("Python tarfile", [place.python, place.peers + "/read_tar.py", path], ["tarfile"]),
      ])
  }
}
