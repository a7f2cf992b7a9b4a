import Foundation
import Testing

/// `pipe trace` says what a search through all source lines finds.
@Suite struct TraceTests {
  /// A line of a source file.
  private struct Place: Hashable, Comparable {
    let file: String
    let line: Int
    static func < (a: Place, b: Place) -> Bool { (a.file, a.line) < (b.file, b.line) }
  }

  /// No keys: equal rows have equal ids, and only their places differ.
  private static let manifest = """
    schema: pipe/v1
    name: lines
    stages:
      notes: { kind: ingest, from: data/notes*.jsonl }
      kept: { kind: ingest, from: "${stages.notes}", where: "number % 3 != 0" }
      copy: { kind: export, from: "${stages.kept}", format: jsonl, to: Outputs/lines/copy.jsonl }

    """

  /// Few different rows, so that many are equal, and long ones, so that there are many chunks.
  private static func notes(_ count: Int, _ random: inout Seeded) -> [String] {
    (0..<count).map { _ in
      let number = random.below(40)
      return
        "{\"number\":\(number),\"note\":\"\(String(repeating: "note \(number) ", count: 150))\"}"
    }
  }

  /// The source lines that pass, in the order of the output: by file name, then by line.
  private static func passing(_ files: [String: [String]]) -> [(place: Place, text: String)] {
    files.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }.flatMap { file in
      files[file]!.enumerated().compactMap { index, text in
        let number = Int(text.dropFirst(10).prefix { $0 != "," })!
        return number % 3 != 0 ? (Place(file: file, line: index + 1), text) : nil
      }
    }
  }

  /// The ends of a trace.
  private static func leaves(of node: [String: Any]) -> [Place] {
    let parents = node["parents"] as? [[String: Any]] ?? []
    if parents.isEmpty {
      return [Place(file: node["file"] as? String ?? "?", line: node["line"] as? Int ?? 0)]
    }
    return parents.flatMap(leaves)
  }

  private static func trace(_ file: String, _ line: Int, in workspace: TicketWorkspace) throws
    -> [Place]
  {
    let answer = try CLIProgram.run("trace", "--json", "\(file):\(line)", in: workspace.path)
    try #require(answer.status == 0, "\(file):\(line): \(answer.errors)")
    return leaves(of: answer.json).sorted()
  }

  /// Writes the files (and removes others), runs, and compares sampled lines of the output with the search.
  private static func check(
    _ what: String, _ files: [String: [String]], output: String = "Outputs/lines/copy.jsonl",
    in workspace: TicketWorkspace, samples: Int, _ random: inout Seeded
  ) throws {
    for old in workspace.files(below: "data") { try FileManager.default.removeItem(atPath: old) }
    for (name, lines) in files {
      try workspace.folder.write(name, lines.joined(separator: "\n") + "\n")
    }
    try workspace.runs()
    try compare(what, passing(files), output, in: workspace, samples: samples, &random)
  }

  private static func compare(
    _ what: String, _ expected: [(place: Place, text: String)], _ output: String,
    in workspace: TicketWorkspace, samples: Int, _ random: inout Seeded
  ) throws {
    let lines = try workspace.folder.read(output).split(separator: "\n")
    try #require(lines.count == expected.count, "\(what)")
    for index in [0, lines.count - 1] + random.different(samples, below: lines.count) {
      try #require(
        lines[index] == expected[index].text, "\(what): line \(index + 1) is another row")
      let found = try trace(output, index + 1, in: workspace)
      // Among all lines with this text it must be the one whose turn it is.
      let candidates = expected.filter { $0.text == expected[index].text }.map(\.place)
      #expect(
        found.allSatisfy(candidates.contains),
        "\(what): \(output):\(index + 1) leads to \(found), where \(candidates) have its text")
      #expect(found == [expected[index].place], "\(what): \(output):\(index + 1)")
    }
  }

  @Test(arguments: [41, 42] as [UInt64]) func tracesEqualASearchAfterEveryKindOfChange(
    _ seed: UInt64
  ) throws {
    let workspace = TicketWorkspace()
    var random = Seeded(seed)
    try workspace.folder.write("lines.yaml", Self.manifest)
    var files = [
      "data/notes-1.jsonl": Self.notes(1500, &random),
      "data/notes-3.jsonl": Self.notes(900, &random),
    ]
    try Self.check("first run", files, in: workspace, samples: 8, &random)
    #expect(try workspace.runs().stage("notes").tasks > 5)

    let front = Self.notes(3, &random)
    files["data/notes-1.jsonl"]!.insert(contentsOf: front, at: 0)
    try Self.check("insert at the front", files, in: workspace, samples: 8, &random)

    // Another name, another place in the order.
    files["data/notes-4.jsonl"] = files.removeValue(forKey: "data/notes-1.jsonl")
    try Self.check("renamed file", files, in: workspace, samples: 8, &random)

    // Another name at the same place: nothing runs, and the trace knows the new name.
    files["data/notes-5.jsonl"] = files.removeValue(forKey: "data/notes-4.jsonl")
    try Self.check("renamed file, same order", files, in: workspace, samples: 5, &random)
    #expect(try workspace.runs().ran == 0)

    // Two rows that differ change places; then two equal ones.
    var lines = files["data/notes-5.jsonl"]!
    let places = Self.passing(["": lines]).map { $0.place.line - 1 }
    let one = places[random.below(places.count / 2)]
    let second = try #require(places.first { $0 > one && lines[$0] != lines[one] })
    lines.swapAt(one, second)
    files["data/notes-5.jsonl"] = lines
    try Self.check("swapped rows", files, in: workspace, samples: 8, &random)
    let equal = try #require((second + 1..<lines.count).first { lines[$0] == lines[second] })
    lines.swapAt(second, equal)
    files["data/notes-5.jsonl"] = lines
    try Self.check("swapped equal rows", files, in: workspace, samples: 8, &random)
    #expect(try workspace.runs().ran == 0)

    // The same rows from two files, one of them with a row before them.
    files["data/notes-2.jsonl"] = lines
    files["data/notes-6.jsonl"] = Self.notes(1, &random) + lines
    try Self.check("the same rows from three files", files, in: workspace, samples: 12, &random)

    files["data/notes-3.jsonl"]!.removeFirst(450)
    try Self.check("half a file gone", files, in: workspace, samples: 8, &random)
  }

  @Test func aHitThatAnotherStageMadeLeadsToItsOwnSources() throws {
    let workspace = TicketWorkspace()
    var random = Seeded(43)
    let rows = Self.notes(1500, &random)
    let front = Self.notes(2, &random)
    var manifest = "schema: pipe/v1\nname: lines\nstages:\n"
    for name in ["a", "b", "c"] {
      manifest += """
          notes_\(name): { kind: ingest, from: data/\(name).jsonl }
          kept_\(name): { kind: ingest, from: "${stages.notes_\(name)}", where: "number % 3 != 0" }
          copy_\(name): { kind: export, from: "${stages.kept_\(name)}", format: jsonl, to: Outputs/lines/\(name).jsonl }

        """
    }
    try workspace.folder.write("lines.yaml", manifest)
    let files = ["data/a.jsonl": rows, "data/b.jsonl": rows, "data/c.jsonl": front + rows]
    for (name, lines) in files {
      try workspace.folder.write(name, lines.joined(separator: "\n") + "\n")
    }
    try workspace.runs("-s", "+copy_a")
    let summary = try workspace.runs()
    #expect(try summary.stage("kept_b").ran == 0)
    #expect(try summary.stage("kept_c").cached > 0)
    for name in ["a", "b", "c"] {
      let file = "data/\(name).jsonl"
      try Self.compare(
        "equal stages", Self.passing([file: files[file]!]), "Outputs/lines/\(name).jsonl",
        in: workspace, samples: 10, &random)
    }
  }

  @Test func labelsAreFoundBySearchToo() throws {
    let workspace = TicketWorkspace()
    var random = Seeded(44)
    var data = TicketData(count: 900, seed: 44)
    data.labels.shuffle(using: &random)
    try data.setUp(workspace.folder)
    // The text of a row is unique: it is what the exported line is searched by.
    func check(_ what: String) throws {
      try workspace.runs()
      for side in ["train", "eval"] {
        let lines = try workspace.folder.read("Outputs/tickets/\(side).jsonl").split(
          separator: "\n")
        for index in random.different(8, below: lines.count) {
          let line = lines[index]
          let sources = data.rows.indices.filter {
            line.contains(
              "Ticket of " + Self.field("customer", of: data.rows[$0]) + ": "
                + Self.field("text", of: data.rows[$0]) + "\"")
          }
          let row = try #require(sources.first)
          try #require(sources.count == 1)
          let item = "\"item\":\"" + Self.field("id", of: data.rows[row]) + "\""
          let label = try #require(data.labels.indices.first { data.labels[$0].contains(item) })
          let found = try Self.trace("Outputs/tickets/\(side).jsonl", index + 1, in: workspace)
          #expect(
            found == [
              Place(file: "data/labels.jsonl", line: label + 1),
              Place(file: "data/tickets.jsonl", line: row + 1),
            ], "\(what): \(side):\(index + 1)")
        }
      }
    }
    try check("first run")
    data.rows.insert(TicketData.row("N1", &random), at: 0)
    data.labels.insert(TicketData.label("N1", "login"), at: 700)
    try data.write(into: workspace.folder)
    try check("insert at the front")
    data.labels.shuffle(using: &random)
    data.rows.swapAt(3, 850)
    try data.write(into: workspace.folder)
    try check("shuffled labels")
  }

  /// The source text of a string column of a ticket.
  private static func field(_ name: String, of row: String) -> String {
    let start = row.range(of: "\"\(name)\":\"")!.upperBound
    let end = row.range(of: "\",\"", range: start..<row.endIndex)!.lowerBound
    return String(row[start..<end])
  }

  /// Records of a CSV file that take several lines, in the source and in the output.
  @Test func recordsOfSeveralLines() throws {
    let workspace = TicketWorkspace()
    var random = Seeded(61)
    var source = "id,text\n"
    var places: [(id: Int, line: Int, lines: Int)] = []
    var line = 2
    for id in 0..<3_000 {
      let breaks = random.below(4)
      let text = (0...breaks).map { "part \($0) of \(id) " + String(repeating: "x", count: random.below(200)) }.joined(separator: "\n")
      source += "\(id),\"\(text) \"\"quoted\"\"\"\n"
      places.append((id, line, breaks + 1))
      line += breaks + 1
    }
    try workspace.folder.write("data/notes.csv", source)
    try workspace.folder.write(
      "lines.yaml",
      """
      schema: pipe/v1
      name: lines
      stages:
        notes: { kind: ingest, from: data/notes.csv, row_key: id, columns: [id, text] }
        copy: { kind: export, from: "${stages.notes}", where: "(id | int) % 3 != 0", format: csv, to: Outputs/lines/copy.csv }

      """)
    try workspace.runs()
    // The file is read back with the same rule that the writer follows: each record begins where its id stands.
    let copy = try workspace.folder.read("Outputs/lines/copy.csv").replacingOccurrences(of: "\r\n", with: "\n")
      .split(separator: "\n", omittingEmptySubsequences: false)
    let kept = places.filter { $0.id % 3 != 0 }
    var at = 1
    var expected: [(line: Int, place: Place)] = []
    for record in kept {
      try #require(copy[at].hasPrefix("\(record.id),"))
      for offset in 0..<record.lines { expected.append((at + 1 + offset, Place(file: "data/notes.csv", line: record.line))) }
      at += record.lines
    }
    for index in [0, 1, 2, expected.count - 1] + random.different(8, below: expected.count) {
      #expect(try Self.trace("Outputs/lines/copy.csv", expected[index].line, in: workspace) == [expected[index].place], "line \(expected[index].line)")
    }
    let beyond = try CLIProgram.run("trace", "Outputs/lines/copy.csv:\(at + 1)", in: workspace.path)
    #expect(beyond.status != 0)
    #expect(beyond.errors.contains("has no line \(at + 1)"), "\(beyond.errors)")
  }
}
