import Foundation

/// How cost grows: with rows, with stages, with files, with edits. The figures are kept as CSV, and `bench plot` draws them.
enum ScaleSuite {
  struct Point {
    let panel: String
    let series: String
    let size: Int
    let cost: Measurement
  }

  static func run(_ place: Place, _ table: inout ResultTable) throws {
    var points: [Point] = []
    func add(_ panel: String, _ series: String, _ size: Int, _ cost: Measurement) {
      points.append(Point(panel: panel, series: series, size: size, cost: cost))
      table.add("\(panel): \(size)", series, cost)
    }
    let most = place.options.rows
    for size in [2_000, 20_000, 200_000, 2_000_000] where size <= most { try rows(place, size, add) }
    for size in [10, 100, 1_000, 10_000] { try stages(place, size, add) }
    for size in [100, 1_000, 10_000, 100_000] where size <= place.options.files { try files(place, size, add) }
    try edits(place, min(most, 200_000), add)
    if let keep = place.options.keep {
      let lines = points.map { String(format: "%@,%@,%d,%.4f,%.4f,%d", $0.panel, $0.series, $0.size, $0.cost.wall, $0.cost.cpu, $0.cost.peak >> 20) }
      let path = keep.hasSuffix(".md") ? String(keep.dropLast(3)) + ".csv" : keep + ".csv"
      try (["panel,series,size,wall,cpu,peak_mb"] + lines).joined(separator: "\n").appending("\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
  }

  private typealias Add = (String, String, Int, Measurement) -> Void

  private static func rows(_ place: Place, _ size: Int, _ add: Add) throws {
    let path = place.path("rows.jsonl")
    try TicketRows.write(size, to: path)
    let folder = try ColdSuite.prepare(place)
    let command = [place.pipe, "run", "bench.yaml", "-j", "2"]
    add("rows", "cold", size, try place.repeated(command, in: folder) { try place.forget(folder) })
    // What was read in the moment it was written is read once more.
    sleep(1)
    _ = try measure(command, in: folder)
    add("rows", "nothing changed", size, try place.repeated(command, in: folder))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var lines = text.split(separator: "\n")
    lines[lines.count / 2] = Substring(lines[lines.count / 2].replacingOccurrences(of: "\"body\": \"", with: "\"body\": \"(edited) "))
    try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    add("rows", "one row edited", size, try measure(command, in: folder))
    try FileManager.default.removeItem(atPath: path)
  }

  private static func stages(_ place: Place, _ size: Int, _ add: Add) throws {
    let folder = try place.workspace("graph", manifest: GraphSuite.chain(size))
    try "{\"id\":1}\n{\"id\":2}\n".write(toFile: folder + "/rows.jsonl", atomically: true, encoding: .utf8)
    let command = [place.pipe, "run", "bench.yaml"]
    add("stages", "cold", size, try measure(command, in: folder))
    sleep(1)
    _ = try measure(command, in: folder)
    add("stages", "nothing changed", size, try place.repeated(command, in: folder))
    // A remark makes the manifest another file, and nothing else another.
    try (GraphSuite.chain(size) + "# edited\n").write(toFile: folder + "/bench.yaml", atomically: true, encoding: .utf8)
    add("stages", "a comment edited", size, try measure(command, in: folder))
  }

  private static func files(_ place: Place, _ size: Int, _ add: Add) throws {
    let folder = try GraphSuite.folder(of: size, place)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let command = [place.pipe, "run", "bench.yaml"]
    add("files", "cold", size, try measure(command, in: folder))
    sleep(1)
    _ = try measure(command, in: folder)
    add("files", "nothing changed", size, try place.repeated(command, in: folder))
    try "{\"id\":0,\"text\":\"edited\"}\n".write(toFile: folder + "/docs/d0/f0.jsonl", atomically: true, encoding: .utf8)
    add("files", "one file edited", size, try measure(command, in: folder))
  }

  /// So many rows edited, spread evenly: the chunks that they lie in are done again.
  private static func edits(_ place: Place, _ rows: Int, _ add: Add) throws {
    let path = place.path("rows.jsonl")
    try TicketRows.write(rows, to: path)
    let folder = try ColdSuite.prepare(place)
    let command = [place.pipe, "run", "bench.yaml", "-j", "2"]
    let original = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    for count in [1, 10, 100, 1_000, 10_000] where count < rows {
      try place.forget(folder)
      try (original.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
      _ = try measure(command, in: folder)
      var lines = original
      for index in stride(from: rows / count / 2, to: rows, by: rows / count) {
        lines[index] = Substring(lines[index].replacingOccurrences(of: "\"body\": \"", with: "\"body\": \"(edited) "))
      }
      try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
      add("edited rows of \(rows)", "spread evenly", count, try measure(command, in: folder))
    }
    try FileManager.default.removeItem(atPath: path)
  }
}
