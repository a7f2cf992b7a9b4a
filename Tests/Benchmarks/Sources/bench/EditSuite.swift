import Foundation

/// The same manifest after small edits, next to the least that anybody could do.
enum EditSuite {
  struct Edit: Sendable {
    let name: String
    let change: @Sendable (inout [Substring], Int) -> Void
  }

  static let edits = [
    Edit(name: "one row edited") { lines, _ in lines[lines.count / 2] = touch(lines[lines.count / 2]) },
    Edit(name: "one row inserted at the front") { lines, count in
      var rows = TicketRows(seed: 99)
      lines.insert(Substring(rows.row(count + 1, of: count)), at: 0)
    },
    Edit(name: "one row deleted") { lines, _ in lines.remove(at: lines.count / 3) },
    Edit(name: "1 % edited in one place") { lines, _ in
      for index in (lines.count / 2)..<(lines.count / 2 + lines.count / 100) { lines[index] = touch(lines[index]) }
    },
    Edit(name: "1 % edited, spread evenly") { lines, _ in for index in stride(from: 0, to: lines.count, by: 100) { lines[index] = touch(lines[index]) } },
  ]

  private static func touch(_ line: Substring) -> Substring { Substring(line.replacingOccurrences(of: "\"body\": \"", with: "\"body\": \"(edited) ")) }

  static func run(_ place: Place, _ table: inout ResultTable) throws {
    let folder = try ColdSuite.prepare(place)
    let source = place.path("rows.jsonl")
    let original = try String(contentsOfFile: source, encoding: .utf8)
    defer { try? original.write(toFile: source, atomically: true, encoding: .utf8) }
    let command = [place.pipe, "run", "bench.yaml", "-j", "2"]
    let lines = original.split(separator: "\n", omittingEmptySubsequences: true)
    for edit in edits {
      var changed = lines
      edit.change(&changed, lines.count)
      let text = changed.joined(separator: "\n") + "\n"
      var runs: [Measurement] = []
      var floors: [Measurement] = []
      for _ in 0..<place.options.runs {
        try place.forget(folder)
        try original.write(toFile: source, atomically: true, encoding: .utf8)
        _ = try measure(command, in: folder)
        try text.write(toFile: source, atomically: true, encoding: .utf8)
        runs.append(try measure(command, in: folder))
        floors.append(try measure([place.python, place.peers + "/floor.py", source, folder + "/Outputs/train.jsonl", place.path("floor.jsonl")], in: folder))
      }
      let floor = Measurement.median(floors)
      table.add(edit.name, "pipe", .median(runs), against: floor)
      table.add(edit.name, "floor", floor, note: "read, SHA-256, write, SHA-256; one thread")
    }
  }
}
