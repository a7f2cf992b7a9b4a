import Foundation

/// What was measured, row by row; a row's reference is what it is held against.
struct ResultTable {
  struct Row {
    var work: String
    var who: String
    var cost: Measurement
    /// What ratios are taken of; nil for the row that others are held against.
    var reference: Measurement?
    var note = ""
  }

  let machine: String
  let rows: Int
  let runs: Int
  var lines: [Row] = []

  mutating func add(_ work: String, _ who: String, _ cost: Measurement, against reference: Measurement? = nil, note: String = "") {
    lines.append(Row(work: work, who: who, cost: cost, reference: reference, note: note))
    FileHandle.standardError.write(Data("\(work) · \(who): \(Self.time(cost.wall))\n".utf8))
  }

  var markdown: String {
    var text = "# Benchmarks\n\n\(machine)\n\n\(rows) rows; the median of \(runs) runs; one process at a time. "
    text += "CPU is user and system time of the process and everything it waited for; the ratio is ours to theirs, wall and CPU.\n\n"
    text += "| work | who | wall | CPU | peak memory | ratio | |\n|---|---|--:|--:|--:|--:|---|\n"
    for line in lines {
      let ratio = line.reference.map { String(format: "%.2f / %.2f", line.cost.wall / $0.wall, line.cost.cpu / max($0.cpu, 1e-6)) } ?? ""
      text += "| \(line.work) | \(line.who) | \(Self.time(line.cost.wall)) | \(Self.time(line.cost.cpu)) | \(line.cost.peak >> 20) MB | \(ratio) | \(line.note) |\n"
    }
    return text
  }

  static func time(_ seconds: Double) -> String { seconds < 1 ? String(format: "%.1f ms", seconds * 1_000) : String(format: "%.2f s", seconds) }
}

/// A few words on where the figures come from.
enum Machine {
  static func describe() -> String {
    let info = ProcessInfo.processInfo
    let model = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = model.flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
    return "\(info.activeProcessorCount) × \(name), \(info.physicalMemory >> 30) GB, \(info.operatingSystemVersionString)"
  }
}
