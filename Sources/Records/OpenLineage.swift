public import Diagnostics
public import Lineage
internal import Rows

/// Events about a run for OpenLineage (spec 2-0-2): one parent job per manifest, one job per stage.
///
/// Everything follows from the run's record and the manifest's description, so that a run can be told again later with the same events.
public struct OpenLineage: Sendable {
  public let namespace: String
  let manifest: ManifestDescription
  let producer: String

  /// - Parameter namespace: of jobs and datasets; without one where the repository lies, or `pipe` when it lies nowhere that others know.
  public init(_ manifest: ManifestDescription, namespace: String? = nil, pipeVersion: String) {
    self.manifest = manifest
    self.namespace = namespace ?? manifest.repository ?? "pipe"
    producer = "urn:pipe:\(pipeVersion)"
  }

  // MARK: events

  /// The run has begun.
  public func started(_ run: RunRecord) -> ReportJSON {
    event("START", at: run.startedAt, run: run.uuid, facets: runFacets(run), job: job(run), inputs: [], outputs: [])
  }

  /// A stage has begun, at a time in milliseconds since 1970: what it reads and makes is told at its end.
  public func started(stage name: String, caseLabel: String?, kind: String, at time: Int64, in run: RunRecord) -> ReportJSON {
    let stage = StageRecord(name: name, kind: kind, caseLabel: caseLabel, status: .ran, reason: .init(code: "", text: ""))
    return event("START", at: time, run: run.uuid(of: stage), facets: [("parent", parent(run))], job: job(stage, run), inputs: [], outputs: [])
  }

  /// All events of a run that is over; of one that is at work, or was killed, those until now.
  ///
  /// - Parameters:
  ///   - told: stages whose START was told while the run was at work, by their full names.
  ///   - isBeginTold: whether the run's own START was.
  ///   - differences: by output (`dataset.train`), what a comparison has found.
  public func events(of run: RunRecord, told: Set<String> = [], isBeginTold: Bool = false, differences: [String: RowDifference] = [:]) -> [ReportJSON] {
    var events = isBeginTold ? [] : [started(run)]
    for stage in run.stages {
      guard let end = Self.end(of: stage) else { continue }
      let start = stage.startedAt ?? run.startedAt
      if !told.contains(stage.fullName) { events.append(started(stage: stage.name, caseLabel: stage.caseLabel, kind: stage.kind, at: start, in: run)) }
      let finish = stage.finishedAt ?? start + stage.durationMicroseconds / 1000
      events.append(
        event(
          end, at: finish, run: run.uuid(of: stage), facets: stageFacets(stage, run), job: job(stage, run), inputs: inputs(of: stage, run),
          outputs: outputs(of: stage, differences)))
    }
    guard let finished = run.finishedAt, let status = run.exitStatus else { return events }
    var facets = runFacets(run)
    if status != 0, let failure = run.stages.compactMap(\.failure).first { facets.append(("errorMessage", errorMessage(failure))) }
    events.append(event(status == 0 ? "COMPLETE" : status >= 128 ? "ABORT" : "FAIL", at: finished, run: run.uuid, facets: facets, job: job(run), inputs: [], outputs: []))
    return events
  }

  /// How a stage ended; nil for one that was not reached: it never began.
  private static func end(of stage: StageRecord) -> String? {
    switch stage.status {
    case .ran, .cached: "COMPLETE"
    case .failed: "FAIL"
    case .skipped, .notRun: nil
    }
  }

  typealias Facets = [(name: String, facet: ReportJSON)]

  private func event(
    _ type: String, at time: Int64, run: String, facets: Facets, job: ReportJSON, inputs: [ReportJSON], outputs: [ReportJSON]
  ) -> ReportJSON {
    .object([
      "eventType": .string(type), "eventTime": .string(RecordTime.text(time)),
      "run": .object(["runId": .string(run), "facets": Self.object(facets)]), "job": job, "inputs": .array(inputs), "outputs": .array(outputs),
      "producer": .string(producer), "schemaURL": .string("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"),
    ])
  }

  static func object(_ facets: Facets) -> ReportJSON { .object(facets.map { ReportJSON.Member($0.name, $0.facet) }) }

  // MARK: jobs

  /// What a job, a dataset is called in the namespace.
  func name(_ part: String) -> String { "\(manifest.name)/\(part)" }

  private func job(_ run: RunRecord) -> ReportJSON {
    var facets: Facets = [("jobType", jobType("MANIFEST"))]
    if let text = manifest.text { facets.append(("documentation", documentation(text))) }
    if let location = location(manifest.path, run) { facets.append(("sourceCodeLocation", location)) }
    return .object(["namespace": .string(namespace), "name": .string(manifest.name), "facets": Self.object(facets)])
  }

  private func job(_ stage: StageRecord, _ run: RunRecord) -> ReportJSON {
    var facets: Facets = [("jobType", jobType(stage.kind.uppercased()))]
    if let described = manifest.stage(stage.name, caseLabel: stage.caseLabel) {
      if let text = described.text { facets.append(("documentation", documentation(text))) }
      if let file = described.file, let location = location(file, run) { facets.append(("sourceCodeLocation", location)) }
      if !described.tags.isEmpty {
        let tags = described.tags.map { ReportJSON.object(["key": .string($0), "value": .string("true"), "source": .string("MANIFEST")]) }
        facets.append(("tags", facet("1-0-0/TagsJobFacet", ["tags": .array(tags)])))
      }
    }
    return .object(["namespace": .string(namespace), "name": .string(name(stage.fullName)), "facets": Self.object(facets)])
  }

  // MARK: runs

  private func runFacets(_ run: RunRecord) -> Facets {
    var facets: Facets = [("processing_engine", facet("1-1-1/ProcessingEngineRunFacet", ["version": .string(run.pipeVersion), "name": .string("pipe")]))]
    if !run.parameters.isEmpty || run.profile != nil {
      var parameters = run.parameters.map { ReportJSON.object(["key": .string($0.name), "value": .string($0.value)]) }
      if let profile = run.profile { parameters.append(.object(["key": .string("--profile"), "value": .string(profile)])) }
      facets.append(("executionParameters", facet("1-0-0/ExecutionParametersRunFacet", ["parameters": .array(parameters)])))
    }
    return facets
  }

  private func parent(_ run: RunRecord) -> ReportJSON {
    let id = ReportJSON.object(["runId": .string(run.uuid)])
    let job = ReportJSON.object(["namespace": .string(namespace), "name": .string(manifest.name)])
    return facet("1-2-0/ParentRunFacet", ["run": id, "job": job, "root": .object(["run": id, "job": job])])
  }

  private func stageFacets(_ stage: StageRecord, _ run: RunRecord) -> Facets {
    var facets: Facets = [("parent", parent(run))]
    if let failure = stage.failure { facets.append(("errorMessage", errorMessage(failure))) }
    if !stage.checks.isEmpty {
      let tests = stage.checks.map { check -> ReportJSON in
        let status =
          switch check.verdict {
          case .passed: "pass"
          case .failed, .error: "fail"
          case .skipped: "skip"
          }
        return .object([
          "name": .string(check.expression), "status": .string(status), "severity": .string(check.severity == .error ? "error" : "warn"), "type": .string("expression"),
          "actual": .string(check.value), "content": .string(check.expression), "contentType": .string("expression"),
        ])
      }
      facets.append(("test", facet("1-0-1/TestRunFacet", ["tests": .array(tests)])))
    }
    var upstream: [ReportJSON] = []
    for input in stage.inputs {
      guard case .stage(let name, let caseLabel, _) = input.origin, let producer = run.stage(name, caseLabel: caseLabel) else { continue }
      let dependency = ReportJSON.object([
        "job": .object(["namespace": .string(namespace), "name": .string(self.name(producer.fullName))]), "run": .object(["runId": .string(run.uuid(of: producer))]),
        "dependency_type": .string("IMPLICIT_ASSET_DEPENDENCY"),
      ])
      if !upstream.contains(dependency) { upstream.append(dependency) }
    }
    if !upstream.isEmpty { facets.append(("jobDependencies", facet("1-0-1/JobDependenciesRunFacet", ["upstream": .array(upstream)]))) }
    facets.append(
      (
        "pipe_cache",
        own(
          "cache",
          [
            "key": stage.key.map { .string($0.hex) }, "outcome": .string(stage.status.rawValue), "reason": .string(stage.reason.code), "text": .string(stage.reason.text),
            "tasks": .object(["total": .int(stage.tasksTotal), "ran": .int(stage.tasksRan), "cached": .int(stage.tasksCached)]),
          ])
      ))
    facets.append(
      (
        "pipe_retention",
        own(
          "retention",
          [
            "rowsIn": stage.rowsIn.map { .int($0) }, "rowsOut": stage.rowsOut.map { .int($0) },
            "dropped": .array(stage.dropped.map { .object(["reason": .string($0.reason), "rows": .int($0.rows)]) }),
          ])
      ))
    return facets
  }

  private func errorMessage(_ text: String) -> ReportJSON {
    facet("1-0-1/ErrorMessageRunFacet", ["message": .string(text), "programmingLanguage": .string("Swift")])
  }

  // MARK: facets

  /// A facet of the standard, as `<version>/<name>`.
  func facet(_ schema: String, _ members: KeyValuePairs<String, ReportJSON?>) -> ReportJSON {
    let name = schema.split(separator: "/").last.map(String.init) ?? schema
    return base("https://openlineage.io/spec/facets/\(schema).json#/$defs/\(name)", members)
  }

  /// A facet of ours; its schema is in Docs/Schemas/openlineage.json.
  func own(_ name: String, _ members: KeyValuePairs<String, ReportJSON?>) -> ReportJSON { base("urn:pipe:openlineage:v1#/$defs/\(name)", members) }

  private func base(_ schema: String, _ members: KeyValuePairs<String, ReportJSON?>) -> ReportJSON {
    var all: [ReportJSON.Member] = [.init("_producer", .string(producer)), .init("_schemaURL", .string(schema))]
    if case .object(let given) = ReportJSON.object(members) { all += given }
    return .object(all)
  }

  private func jobType(_ type: String) -> ReportJSON {
    facet("2-0-4/JobTypeJobFacet", ["processingType": .string("BATCH"), "integration": .string("PIPE"), "jobType": .string(type)])
  }

  private func documentation(_ text: String) -> ReportJSON { facet("1-1-0/DocumentationJobFacet", ["description": .string(text)]) }

  private func location(_ path: String, _ run: RunRecord) -> ReportJSON? {
    guard let commit = run.gitCommit, let repository = manifest.repository else { return nil }
    var page = repository.hasSuffix(".git") ? String(repository.dropLast(4)) : repository
    // The form that the large hosts share; elsewhere path and version say the same.
    if page.hasPrefix("http") { page += "/blob/\(commit)/\(path)" }
    return facet(
      "1-1-0/SourceCodeLocationJobFacet",
      ["type": .string("git"), "url": .string(page), "repoUrl": .string(repository), "path": .string(path), "version": .string(commit)])
  }
}

/// What a comparison found about an output, for a facet.
public struct RowDifference: Sendable, Equatable {
  public struct Cause: Sendable, Equatable {
    public var bucket: String
    public var subject: String
    public var rows: Int
    public init(bucket: String, subject: String, rows: Int) { (self.bucket, self.subject, self.rows) = (bucket, subject, rows) }
  }

  public var base: String
  public var added: Int
  public var removed: Int
  public var changed: Int
  public var moved: Int
  public var causes: [Cause]
  public init(base: String, added: Int, removed: Int, changed: Int, moved: Int, causes: [Cause]) {
    self.base = base
    self.added = added
    self.removed = removed
    self.changed = changed
    self.moved = moved
    self.causes = causes
  }
}

extension RunRecord {
  /// The run as a UUID of version 7: its first bits are the time at which it began.
  var uuid: String { Self.uuid(startedAt, Digest.of("pipe run \(id)")) }

  /// A stage of the run.
  func uuid(of stage: StageRecord) -> String { Self.uuid(startedAt, Digest.of("pipe run \(id) stage \(stage.fullName)")) }

  private static func uuid(_ milliseconds: Int64, _ seed: Digest) -> String {
    var bytes = Array(seed.bytes.prefix(16))
    for place in 0..<6 { bytes[place] = UInt8(truncatingIfNeeded: milliseconds >> Int64(8 * (5 - place))) }
    bytes[6] = bytes[6] & 0x0F | 0x70
    bytes[8] = bytes[8] & 0x3F | 0x80
    var text = ""
    for (place, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(place) { text += "-" }
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
  }
}
