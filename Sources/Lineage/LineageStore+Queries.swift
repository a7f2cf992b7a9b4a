public import Rows
internal import SQLite

/// What one can ask: runs, stages, and who made what from what.
extension LineageStore {
  /// A run in a line of `pipe log`.
  public struct RunSummary: Sendable, Equatable {
    /// The run without its stages.
    public var run: RunRecord
    /// How many stages came to each end.
    public var stages: [StageRecord.Status: Int]
    public var tasksRan: Int
    public var tasksCached: Int
  }

  /// Runs, newest first: of one manifest (by its path) or of all.
  public func runs(ofManifest manifest: String? = nil, limit: Int = 100) throws(LineageError) -> [RunSummary] {
    try use { database in
      let rows =
        if let manifest {
          try database.rows(
            "SELECT header, finished_at, exit_status, id FROM run_index WHERE manifest = ? ORDER BY id DESC LIMIT ?",
            [.text(manifest), .integer(Int64(limit))])
        } else {
          try database.rows("SELECT header, finished_at, exit_status, id FROM run_index ORDER BY id DESC LIMIT ?", [.integer(Int64(limit))])
        }
      let counts = try database.prepare(
        "SELECT status, count(*), sum(tasks_ran), sum(tasks_cached) FROM stage_index WHERE run = ? GROUP BY status")
      return try rows.compactMap { row in
        guard let run = LineageStore.run(row) else { return nil }
        var summary = RunSummary(run: run, stages: [:], tasksRan: 0, tasksCached: 0)
        try counts.bind([row[3]])
        while try counts.step() {
          if let status = StageRecord.Status(rawValue: counts.text(0)) { summary.stages[status] = Int(counts.integer(1)) }
          summary.tasksRan += Int(counts.integer(2))
          summary.tasksCached += Int(counts.integer(3))
        }
        try counts.reset()
        return summary
      }
    }
  }

  /// A run with all of its stages, by its name or by a beginning of it that fits no other; nil when there is none, or more than one.
  public func run(_ idPrefix: String) throws(LineageError) -> RunRecord? {
    try use { database in
      // The range of texts with this beginning; `LIKE` would take `_` and `%` for patterns and use no index.
      let rows = try database.rows(
        "SELECT header, finished_at, exit_status, id FROM run_index WHERE id >= ? AND id < ? || char(1114111) ORDER BY id LIMIT 2",
        [.text(idPrefix), .text(idPrefix)])
      guard rows.count == 1 || rows.first?[3].text == idPrefix, let row = rows.first, var run = LineageStore.run(row) else { return nil }
      run.stages = try database.rows("SELECT record FROM stage_index WHERE run = ? ORDER BY place", [row[3]]).compactMap {
        LineageStore.stage($0[0])
      }
      return run
    }
  }

  /// A stage's latest record and the run it belongs to.
  ///
  /// - Parameters:
  ///   - caseLabel: which case of a matrix; nil for a stage without.
  ///   - statuses: only records with one of these; all when empty.
  public func lastRecord(
    ofStage stage: String, caseLabel: String? = nil, manifest: String, statuses: Set<StageRecord.Status> = []
  ) throws(LineageError) -> (run: String, stage: StageRecord)? {
    let wanted = statuses.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
    let filter = statuses.isEmpty ? "" : "AND s.status IN (\(wanted))"
    let found: Found? = try use { database in
      let rows = try database.rows(
        """
        SELECT s.run, s.record FROM stage_index s JOIN run_index r ON r.id = s.run
        WHERE s.name = ? AND s.case_label IS ? AND r.manifest = ? \(filter) ORDER BY s.run DESC LIMIT 1
        """, [.text(stage), caseLabel.map { .text($0) } ?? .null, .text(manifest)])
      guard let row = rows.first, let run = row[0].text, let stage = LineageStore.stage(row[1]) else { return nil }
      return Found(run: run, stage: stage)
    }
    return found.map { ($0.run, $0.stage) }
  }

  private struct Found: Sendable {
    let run: String
    let stage: StageRecord
  }

  // MARK: Artifacts

  /// A stage in a run that made or read an artifact through one of its ports.
  public struct Use: Sendable, Equatable {
    public var run: String
    public var manifest: String
    public var stage: String
    public var caseLabel: String?
    public var port: String
  }

  /// Who made an artifact, newest first: a stage output with this content, or a published file with this SHA-256.
  public func producers(of digest: Digest, limit: Int = 100) throws(LineageError) -> [Use] {
    try uses(
      """
      SELECT o.run, r.manifest, s.name, s.case_label, o.port FROM
        (SELECT run, place, port FROM output_index WHERE content = ?1 UNION SELECT run, place, port FROM file_index WHERE digest = ?1) o
      JOIN stage_index s ON s.run = o.run AND s.place = o.place JOIN run_index r ON r.id = o.run
      ORDER BY o.run DESC, o.place, o.port LIMIT ?2
      """, digest, limit)
  }

  /// Who read an artifact, newest first.
  public func consumers(of digest: Digest, limit: Int = 100) throws(LineageError) -> [Use] {
    try uses(
      """
      SELECT i.run, r.manifest, s.name, s.case_label, i.port FROM input_index i
      JOIN stage_index s ON s.run = i.run AND s.place = i.place JOIN run_index r ON r.id = i.run
      WHERE i.content = ?1 ORDER BY i.run DESC, i.place, i.port LIMIT ?2
      """, digest, limit)
  }

  private func uses(_ sql: String, _ digest: Digest, _ limit: Int) throws(LineageError) -> [Use] {
    try use { database in
      try database.rows(sql, [.blob(digest.bytes), .integer(Int64(limit))]).compactMap { row in
        guard let run = row[0].text, let manifest = row[1].text, let stage = row[2].text, let port = row[4].text else { return nil }
        return Use(run: run, manifest: manifest, stage: stage, caseLabel: row[3].text, port: port)
      }
    }
  }

  /// The file published last at a path, with the run, the stage and the port it came from.
  public func published(at path: String) throws(LineageError) -> (use: Use, digest: Digest)? {
    let found: Published? = try use { database in
      let rows = try database.rows(
        """
        SELECT f.run, r.manifest, s.name, s.case_label, f.port, f.digest FROM file_index f
        JOIN stage_index s ON s.run = f.run AND s.place = f.place JOIN run_index r ON r.id = f.run
        WHERE f.path = ? ORDER BY f.run DESC LIMIT 1
        """, [.text(path)])
      guard let row = rows.first, let run = row[0].text, let manifest = row[1].text, let stage = row[2].text, let port = row[4].text,
        let digest = LineageStore.digest(row[5])
      else { return nil }
      return Published(use: Use(run: run, manifest: manifest, stage: stage, caseLabel: row[3].text, port: port), digest: digest)
    }
    return found.map { ($0.use, $0.digest) }
  }

  private struct Published: Sendable {
    let use: Use
    let digest: Digest
  }

  // MARK: Closures

  /// One step from artifact to artifact: a stage read the one and made the other.
  public struct Edge: Sendable, Hashable {
    public var manifest: String
    public var stage: String
    public var caseLabel: String?
    public var inputPort: String
    public var input: Digest
    public var outputPort: String
    public var output: Digest
    /// The latest run in which it did.
    public var run: String
    /// The files behind the input, when it came from outside.
    public var sources: [String]
  }

  /// Everything an artifact was made from, in however many steps: an edge per stage and pair of artifacts, ordered by stage and port.
  public func upstream(of digest: Digest) throws(LineageError) -> [Edge] {
    try edges(
      """
      WITH RECURSIVE reached (content) AS (
        VALUES (?1) UNION SELECT content FROM output_index JOIN file_index USING (run, place, port) WHERE digest = ?1
        UNION SELECT i.content FROM reached JOIN output_index o ON o.content = reached.content JOIN input_index i ON i.run = o.run AND i.place = o.place
      )
      SELECT r.manifest, s.name, s.case_label, i.port, i.content, o.port, o.content, max(o.run), o.place
      FROM reached JOIN output_index o ON o.content = reached.content JOIN input_index i ON i.run = o.run AND i.place = o.place
      """, digest)
  }

  /// Everything that was made from an artifact, in however many steps.
  public func downstream(of digest: Digest) throws(LineageError) -> [Edge] {
    try edges(
      """
      WITH RECURSIVE reached (content) AS (
        VALUES (?1) UNION SELECT o.content FROM reached JOIN input_index i ON i.content = reached.content JOIN output_index o ON o.run = i.run AND o.place = i.place
      )
      SELECT r.manifest, s.name, s.case_label, i.port, i.content, o.port, o.content, max(o.run), o.place
      FROM reached JOIN input_index i ON i.content = reached.content JOIN output_index o ON o.run = i.run AND o.place = i.place
      """, digest)
  }

  private func edges(_ sql: String, _ digest: Digest) throws(LineageError) -> [Edge] {
    try use { database in
      let rows = try database.rows(
        sql + """

          JOIN stage_index s ON s.run = o.run AND s.place = o.place JOIN run_index r ON r.id = o.run
          GROUP BY r.manifest, s.name, s.case_label, i.port, i.content, o.port, o.content
          ORDER BY r.manifest, s.name, s.case_label, i.port, o.port, i.content, o.content
          """, [.blob(digest.bytes)])
      let sources = try database.prepare("SELECT path FROM source_index WHERE run = ? AND place = ? AND port = ? ORDER BY rowid")
      return try rows.compactMap { row in
        guard let manifest = row[0].text, let stage = row[1].text, let inputPort = row[3].text, let input = LineageStore.digest(row[4]),
          let outputPort = row[5].text, let output = LineageStore.digest(row[6]), let run = row[7].text
        else { return nil }
        var paths: [String] = []
        // SQLite takes the bare column `place` from the row that has the greatest run, which is what is meant.
        try sources.bind([row[7], row[8], row[3]])
        while try sources.step() { paths.append(sources.text(0)) }
        try sources.reset()
        return Edge(
          manifest: manifest, stage: stage, caseLabel: row[2].text, inputPort: inputPort, input: input, outputPort: outputPort,
          output: output,
          run: run, sources: paths)
      }
    }
  }

  // MARK: Reading rows

  private static func run(_ row: [SQLiteValue]) -> RunRecord? {
    guard let header = row[0].text, var run = JSON(Array(header.utf8)).flatMap(RunRecord.init(header:)) else { return nil }
    run.finishedAt = row[1].int64
    run.exitStatus = row[2].int64.map { Int($0) }
    return run
  }

  private static func stage(_ value: SQLiteValue) -> StageRecord? {
    value.text.flatMap { JSON(Array($0.utf8)) }.flatMap(StageRecord.init(json:))
  }

  private static func digest(_ value: SQLiteValue) -> Digest? {
    guard let bytes = value.bytes, bytes.count == Digest.byteCount else { return nil }
    return bytes.withUnsafeBytes { Digest(bytes: $0) }
  }
}
