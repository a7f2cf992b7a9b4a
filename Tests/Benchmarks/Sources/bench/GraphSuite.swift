import Foundation

/// Many small stages: what the runner itself costs.
enum GraphSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    for (count, isCold) in [(200, true), (10_000, false)] {
      let folder = try place.workspace("graph-\(count)", manifest: chain(count))
      try "{\"id\":1}\n{\"id\":2}\n".write(toFile: folder + "/rows.jsonl", atomically: true, encoding: .utf8)
      let command = [place.pipe, "run", "bench.yaml"]
      if isCold {
        table.add("\(count) stages, cold", "pipe", try place.repeated(command, in: folder) { try place.forget(folder) })
      } else {
        _ = try measure(command, in: folder)
      }
      table.add("\(count) stages, nothing to do", "pipe", try place.repeated(command, in: folder))
    }
    try ninja(place, &table)
  }

  /// Chains of ten stages.
  private static func chain(_ count: Int) -> String {
    var text = "schema: pipe/v1\nname: bench\nstages:\n"
    for index in 0..<count {
      let from = index % 10 == 0 ? "rows.jsonl" : "\"${stages.s\(index - 1)}\""
      text += "  s\(index): { kind: ingest, from: \(from), derive: { c\(index): \"\(index)\" } }\n"
    }
    return text
  }

  private static func ninja(_ place: Place, _ table: inout ResultTable) throws {
    guard (try? measure(["ninja", "--version"], in: place.options.work)) != nil else { return }
    let folder = try place.workspace("ninja", manifest: "")
    var text = "rule cp\n  command = cp $in $out\n"
    for index in 0..<200 { text += "build f\(index + 1): cp \(index % 10 == 0 ? "seed" : "f\(index)")\n" }
    try text.write(toFile: folder + "/build.ninja", atomically: true, encoding: .utf8)
    try "seed\n".write(toFile: folder + "/seed", atomically: true, encoding: .utf8)
    table.add(
      "200 stages, cold", "ninja",
      try place.repeated(["ninja"], in: folder) {
        for index in 1...200 { try? FileManager.default.removeItem(atPath: folder + "/f\(index)") }
      })
    table.add("200 stages, nothing to do", "ninja", try place.repeated(["ninja"], in: folder))
  }
}

/// What a start costs before anything is done.
enum StartSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    let runs = try (0..<20).map { _ in try measure([place.pipe, "--version"], in: place.options.work) }
    table.add("--version", "pipe", .median(runs), note: "median of 20")
  }
}
