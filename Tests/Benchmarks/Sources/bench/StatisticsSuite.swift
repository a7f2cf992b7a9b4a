import Foundation

/// Work over whole tables: joins, votes, drift.
enum StatisticsSuite {
  static func run(_ place: Place, _ table: inout ResultTable) throws {
    try join(place, &table)
    try votes(place, &table)
    try drift(place, &table)
  }

  private static func ours(_ place: Place, _ manifest: String) throws -> Measurement {
    let folder = try place.workspace("statistics", manifest: manifest)
    return try place.repeated([place.pipe, "run", "bench.yaml", "-j", "2"], in: folder) { try place.forget(folder) }
  }

  private static func peer(_ place: Place, _ table: inout ResultTable, _ work: String, _ name: String, _ script: [String], _ packages: [String], _ ours: Measurement) {
    guard place.has(packages), let cost = try? place.repeated([place.python, place.peers + "/" + script[0]] + script.dropFirst(), in: place.options.work) else { return }
    table.add(work, name, cost, note: String(format: "pipe: %.2f × wall, %.2f × CPU", ours.wall / cost.wall, ours.cpu / cost.cpu))
  }

  private static func join(_ place: Place, _ table: inout ResultTable) throws {
    let rows = place.options.rows
    let side = max(1, rows / 10)
    var random = SmallRandom(seed: 7)
    try Lines.write(to: place.path("left.jsonl"), rows) { number in
      "{\"id\":\(number),\"customer\":\"C\(random.next(side))\",\"amount\":\(random.next(100_000)),\"text\":\"order number \(number)\"}"
    }
    try Lines.write(to: place.path("side.csv"), side, head: "customer,plan,country,since") { "C\($0),plan\($0 % 7),c\($0 % 40),20\(10 + $0 % 15)-01-01" }
    defer { for name in ["left.jsonl", "side.csv"] { try? FileManager.default.removeItem(atPath: place.path(name)) } }
    let work = "join of \(rows) × \(side) rows"
    let cost = try ours(
      place,
      """
      schema: pipe/v1
      name: bench
      stages:
        side: { kind: ingest, from: ../side.csv, row_key: customer }
        rows:
          kind: ingest
          from: ../left.jsonl
          row_key: id
          join: [ { from: "${stages.side}", key: customer, columns: { plan: plan, country: country } } ]

      """)
    table.add(work, "pipe", cost, note: "both files read and checked, rows digested, keyed by what each chunk looks up")
    peer(place, &table, work, "DuckDB", ["join_duckdb.py", place.path("left.jsonl"), place.path("side.csv")], ["duckdb"], cost)
    peer(place, &table, work, "Polars", ["join_polars.py", place.path("left.jsonl"), place.path("side.csv")], ["polars"], cost)
  }

  private static func votes(_ place: Place, _ table: inout ResultTable) throws {
    for (items, votes, classes, annotators, methods) in [
      (place.options.rows / 2, 5, 5, 200, ["majority", "dawid-skene"]), (100_000, 5, 10, 200, ["dawid-skene"]),
    ] {
      try Lines.write(to: place.path("items.jsonl"), items) { "{\"id\":\"I\($0)\"}" }
      var random = SmallRandom(seed: 11)
      try Lines.write(to: place.path("votes.csv"), items * votes, head: "item,annotator,label") { number in
        let item = number / votes
        // Two of three votes are right; the annotators of an item are different ones.
        let label = random.next(3) < 2 ? item % classes : random.next(classes)
        return "I\(item),A\((item &* 31 + (number % votes) * (annotators / votes)) % annotators),L\(label)"
      }
      for method in methods {
        let work = "label merge of \(items * votes) votes, \(items) × \(votes) × \(classes), \(method)"
        let cost = try ours(
          place,
          """
          schema: pipe/v1
          name: bench
          stages:
            items: { kind: ingest, from: ../items.jsonl, row_key: id, sheet: items }
            labels: { kind: label-merge, from: "${stages.items}", votes: ../votes.csv, label_type: kind, method: \(method) }
          label_types: { kind: { kind: class, classes: [\((0..<classes).map { "L\($0)" }.joined(separator: ", "))] } }

          """)
        table.add(work, "pipe", cost, note: "files read, votes checked, four tables written")
        if method == "majority" { peer(place, &table, work, "DuckDB", ["votes_duckdb.py", place.path("votes.csv")], ["duckdb"], cost) }
        peer(place, &table, work, "crowd-kit", ["votes_crowdkit.py", place.path("votes.csv"), method], ["crowdkit", "pandas"], cost)
      }
    }
    for name in ["items.jsonl", "votes.csv"] { try? FileManager.default.removeItem(atPath: place.path(name)) }
  }

  private static func drift(_ place: Place, _ table: inout ResultTable) throws {
    let rows = place.options.rows / 2
    for (name, seed, shift) in [("reference", 3, 0), ("current", 5, 40)] {
      var random = SmallRandom(seed: UInt64(seed))
      try Lines.write(to: place.path("\(name).jsonl"), rows) { number in
        func value(_ bound: Int) -> Int { random.next(bound) + random.next(bound) + shift }
        return
          "{\"id\":\(number),\"ts\":\"2026-10-30T08:00:00Z\",\"a\":\(value(1_000)),\"b\":\(Double(value(100_000)) / 100),\"c\":\(value(50)),\"d\":\(Double(value(1_000_000)) / 1_000),\"e\":\"k\(random.next(20))\",\"f\":\"x\(random.next(500))\"}"
      }
    }
    defer { for name in ["reference.jsonl", "current.jsonl"] { try? FileManager.default.removeItem(atPath: place.path(name)) } }
    let work = "drift of \(rows) + \(rows) rows × 6 columns"
    let cost = try ours(
      place,
      """
      schema: pipe/v1
      name: bench
      stages:
        reference: { kind: ingest, from: ../reference.jsonl }
        current: { kind: ingest, from: ../current.jsonl }
        watch:
          kind: monitor
          from: ${stages.current}
          reference: ${stages.reference}
          window: day
          columns: { time: ts }
          fields: { a: ks, b: ks, c: ks, d: ks, e: js, f: chi2 }

      """)
    table.add(work, "pipe", cost, note: "files read and checked, windows, four Kolmogorov–Smirnov tests, two of categories")
    peer(place, &table, work, "pandas + SciPy", ["drift_scipy.py", place.path("reference.jsonl"), place.path("current.jsonl")], ["pandas", "scipy"], cost)
  }
}

/// Numbers that are the same on every machine.
struct SmallRandom {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(truncatingIfNeeded: (state >> 33) % UInt64(bound))
  }
}

/// Files of many lines.
enum Lines {
  static func write(to path: String, _ count: Int, head: String? = nil, _ line: (Int) -> String) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
      throw BenchError.unusable("cannot write \(path)")
    }
    var buffer = Data()
    if let head { buffer.append(contentsOf: (head + "\n").utf8) }
    for number in 0..<count {
      buffer.append(contentsOf: line(number).utf8)
      buffer.append(0x0A)
      if buffer.count > 4 << 20 {
        try file.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
      }
    }
    try file.write(contentsOf: buffer)
    try file.close()
  }
}
