public import Diagnostics
public import Lineage
public import Rows

/// How one published file was made: an in-toto statement (v1) with SLSA provenance (v1) for its predicate.
///
/// The times of the run stand in it, so it belongs beside the artifacts and never into them or into the lock.
public struct Statement: Sendable {
  static let type = "https://in-toto.io/Statement/v1"
  static let predicateType = "https://slsa.dev/provenance/v1"
  /// What the parameters of the build mean is written in Docs/Records.md.
  static let buildType = "urn:pipe:build:v1"
  public static let localBuilder = "urn:pipe:builder:local"

  public let json: ReportJSON

  /// - Parameters:
  ///   - file: a file of a stage of the run.
  ///   - builder: the URI of who ran it; whoever verifies decides what it is worth.
  ///   - sourceDigest: the SHA-256 of a source file, when it is still what the run has read.
  public init(
    of file: StageRecord.PublishedFile, from output: StageRecord.Output, of stage: StageRecord, in run: RunRecord, of manifest: ManifestDescription,
    builder: String = Statement.localBuilder, sourceDigest: (_ path: String, _ content: Digest) -> Digest?
  ) {
    json = .object([
      "_type": .string(Self.type), "subject": .array([Self.descriptor(name: file.path, sha256: file.digest)]),
      "predicateType": .string(Self.predicateType),
      "predicate": .object([
        "buildDefinition": .object([
          "buildType": .string(Self.buildType), "externalParameters": Self.external(stage, output, run), "internalParameters": Self.inner(stage, output, run),
          "resolvedDependencies": .array(Self.dependencies(stage, run, manifest, sourceDigest)),
        ]),
        "runDetails": .object([
          "builder": .object(["id": .string(builder), "version": .object(["pipe": .string(run.pipeVersion)])]),
          "metadata": .object([
            "invocationId": .string(run.id), "startedOn": .string(RecordTime.text(run.startedAt)),
            "finishedOn": run.finishedAt.map { .string(RecordTime.text($0)) },
          ]),
        ]),
        "pipe_rowCount": file.rows.map { .int($0) }, "pipe_byteCount": .int(file.bytes), "pipe_version": run.manifestVersion.map { .string($0) },
      ]),
    ])
  }

  /// The bytes that are signed.
  public var bytes: [UInt8] { Array(json.compact.utf8) }

  private static func descriptor(name: String, sha256: Digest) -> ReportJSON {
    .object(["name": .string(name), "digest": .object(["sha256": .string(sha256.hex)])])
  }

  /// What whoever started the run has chosen.
  private static func external(_ stage: StageRecord, _ output: StageRecord.Output, _ run: RunRecord) -> ReportJSON {
    .object([
      "manifest": .string(run.manifestPath), "output": .string("\(stage.fullName).\(output.port)"),
      "parameters": run.parameters.isEmpty ? nil : .object(run.parameters.map { ReportJSON.Member($0.name, .string($0.value)) }),
      "parametersFile": run.parametersFile.map { .string($0) }, "profile": run.profile.map { .string($0) },
    ])
  }

  /// What ties the statement to the lock and the run's record: the keys of the stages on the way, and the table behind the file.
  private static func inner(_ stage: StageRecord, _ output: StageRecord.Output, _ run: RunRecord) -> ReportJSON {
    .object([
      "content": .string(output.content.hex), "lineage": output.lineage.map { .string($0.hex) },
      "stages": .object(run.ancestry(of: stage).compactMap { stage in stage.key.map { ReportJSON.Member(stage.fullName, .string($0.hex)) } }),
    ])
  }

  private static func dependencies(
    _ stage: StageRecord, _ run: RunRecord, _ manifest: ManifestDescription, _ sourceDigest: (String, Digest) -> Digest?
  ) -> [ReportJSON] {
    var found: [ReportJSON] = []
    if let commit = run.gitCommit {
      found.append(
        .object([
          "uri": manifest.repository.map { .string("git+\($0)@\(commit)") }, "name": manifest.repository == nil ? .string("git commit") : nil,
          "digest": .object(["gitCommit": .string(commit)]),
        ]))
    }
    var seen: Set<String> = []
    for stage in run.ancestry(of: stage) {
      for file in manifest.stage(stage.name, caseLabel: stage.caseLabel)?.files ?? [] where seen.insert("file \(file.path)").inserted {
        found.append(descriptor(name: file.path, sha256: file.digest))
      }
      for input in stage.inputs {
        guard case .sources(let paths) = input.origin else { continue }
        for path in paths where seen.insert("source \(path) \(input.content.hex)").inserted {
          // The run knows a source by its chunks; the file's own digest is told while the file is still the same.
          let digests: [ReportJSON.Member] =
            (sourceDigest(path, input.content).map { [.init("sha256", .string($0.hex))] } ?? []) + [.init("pipeSource", .string(input.content.hex))]
          found.append(
            .object([
              "name": .string(path), "digest": .object(digests),
              "annotations": .object(["pipe_stage": .string(stage.fullName), "pipe_port": .string(input.port)]),
            ]))
        }
      }
    }
    return found
  }
}

extension RunRecord {
  /// Every published file of the run with where it came from, in the graph's order.
  public var published: [(stage: StageRecord, output: StageRecord.Output, file: StageRecord.PublishedFile)] {
    stages.flatMap { stage in stage.outputs.flatMap { output in output.files.map { (stage, output, $0) } } }
  }
}
