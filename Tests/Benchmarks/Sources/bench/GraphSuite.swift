import Foundation

/// Many small stages: what the runner itself costs.
enum GraphSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    for (count, coldRuns) in [(200, place.options.runs), (10_000, 1)] {
      let folder = try place.workspace("graph-\(count)", manifest: chain(count))
      try "{\"id\":1}\n{\"id\":2}\n".write(toFile: folder + "/rows.jsonl", atomically: true, encoding: .utf8)
      let command = [place.pipe, "run", "bench.yaml"]
      let cold = try (0..<coldRuns).map { _ in
        try place.forget(folder)
        return try measure(command, in: folder)
      }
      table.add("\(count) stages, cold", "pipe", .median(cold))
      table.add("\(count) stages, nothing to do", "pipe", try place.repeated(command, in: folder))
    }
    try files(place, &table)
    try peers(place, &table)
  }

  /// One stage over many small files in folders of a thousand.
  private static func files(_ place: Place, _ table: inout ResultTable) throws {
    let count = place.options.files
    let folder = try folder(of: count, place)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let command = [place.pipe, "run", "bench.yaml"]
    table.add("\(count) input files, cold", "pipe", try measure(command, in: folder))
    // A file read in the moment it was written is not believed: what was read so soon is read once more.
    sleep(1)
    _ = try measure(command, in: folder)
    table.add("\(count) input files, nothing to do", "pipe", try place.repeated(command, in: folder))
  }

  /// A stage, and so many files for it.
  static func folder(of count: Int, _ place: Place) throws -> String {
    let folder = try place.workspace("files", manifest: "schema: pipe/v1\nname: bench\nstages:\n  docs: { kind: ingest, from: \"docs/**/*.jsonl\" }\n")
    for number in 0..<count {
      let name = folder + "/docs/d\(number / 1_000)"
      if number % 1_000 == 0 { try FileManager.default.createDirectory(atPath: name, withIntermediateDirectories: true) }
      _ = FileManager.default.createFile(atPath: name + "/f\(number).jsonl", contents: Data("{\"id\":\(number),\"text\":\"document \(number)\"}\n".utf8))
    }
    return folder
  }

  /// The same chains as a runner of commands sees them: a file copied to the next.
  private static func peers(_ place: Place, _ table: inout ResultTable) throws {
    for count in [200, 10_000] { try ninja(place, &table, count) }
    if place.hasProgram(place.environment + "/bin/dvc") { try dvc(place, &table, 200) }
    if place.hasProgram(place.environment + "/bin/snakemake") { try snakemake(place, &table, 200) }
  }

  private static func source(of index: Int) -> String { index % 10 == 0 ? "seed" : "f\(index)" }

  private static func dvc(_ place: Place, _ table: inout ResultTable, _ count: Int) throws {
    let folder = try place.workspace("dvc", manifest: "")
    try "seed\n".write(toFile: folder + "/seed", atomically: true, encoding: .utf8)
    var text = "stages:\n"
    for index in 0..<count {
      text += "  s\(index):\n    cmd: cp \(source(of: index)) f\(index + 1)\n    deps: [\(source(of: index))]\n    outs: [f\(index + 1)]\n"
    }
    try text.write(toFile: folder + "/dvc.yaml", atomically: true, encoding: .utf8)
    let program = place.environment + "/bin/dvc"
    _ = try measure([program, "init", "--no-scm", "-q"], in: folder)
    table.add("\(count) stages, cold", "DVC", try measure([program, "repro", "-q"], in: folder))
    table.add("\(count) stages, nothing to do", "DVC", try place.repeated([program, "repro", "-q"], in: folder))
  }

  private static func snakemake(_ place: Place, _ table: inout ResultTable, _ count: Int) throws {
    let folder = try place.workspace("snakemake", manifest: "")
    try "seed\n".write(toFile: folder + "/seed", atomically: true, encoding: .utf8)
    var text = "rule all:\n    input: \(stride(from: 10, through: count, by: 10).map { "'f\($0)'" }.joined(separator: ", "))\n"
    for index in 0..<count {
      text += "rule s\(index):\n    input: '\(source(of: index))'\n    output: 'f\(index + 1)'\n    shell: 'cp {input} {output}'\n"
    }
    try text.write(toFile: folder + "/Snakefile", atomically: true, encoding: .utf8)
    let command = [place.environment + "/bin/snakemake", "-q", "-j", "2"]
    table.add("\(count) stages, cold", "Snakemake", try measure(command, in: folder))
    table.add("\(count) stages, nothing to do", "Snakemake", try place.repeated(command, in: folder))
  }

  /// Chains of ten stages.
  static func chain(_ count: Int) -> String {
    var text = "schema: pipe/v1\nname: bench\nstages:\n"
    for index in 0..<count {
      let from = index % 10 == 0 ? "rows.jsonl" : "\"${stages.s\(index - 1)}\""
      text += "  s\(index): { kind: ingest, from: \(from), derive: { c\(index): \"\(index)\" } }\n"
    }
    return text
  }

  private static func ninja(_ place: Place, _ table: inout ResultTable, _ count: Int) throws {
    let program = place.environment + "/bin/ninja"
    guard place.hasProgram(program) else { return }
    let folder = try place.workspace("ninja", manifest: "")
    var text = "rule cp\n  command = cp $in $out\n"
    for index in 0..<count { text += "build f\(index + 1): cp \(source(of: index))\n" }
    try text.write(toFile: folder + "/build.ninja", atomically: true, encoding: .utf8)
    try "seed\n".write(toFile: folder + "/seed", atomically: true, encoding: .utf8)
    table.add("\(count) stages, cold", "ninja", try measure([program], in: folder))
    table.add("\(count) stages, nothing to do", "ninja", try place.repeated([program], in: folder))
  }
}

/// What a start costs before anything is done.
enum StartSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    let runs = try (0..<20).map { _ in try measure([place.pipe, "--version"], in: place.options.work) }
    table.add("--version", "pipe", .median(runs), note: "median of 20")
  }
}
