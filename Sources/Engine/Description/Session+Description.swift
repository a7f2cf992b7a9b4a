import Diagnostics
public import Lineage
public import Rows
public import Store

extension Session {
  /// What the manifest says of itself, as far as it is true of a run: files that the run has read in another state are left out.
  ///
  /// Columns are those that a kind declares, or else those of the first rows of a table; nothing is made again to see them.
  public func description(of record: RunRecord) throws(StoreError) -> ManifestDescription {
    let scheduler = try looked()
    let privacy = Privacy([pipeline])
    var columns: [PortReference: [ManifestDescription.Column]] = [:]
    for run in scheduler.stages {
      for (index, output) in run.stage.kind.outputs.enumerated() where output.isPublic && output.content == .rows {
        var found = firstColumns(run.outputs[index], run, scheduler)
        if let declared = output.traits.columns, found == nil || !declared.allSatisfy({ name in found!.contains { $0.name == name } }) {
          let types = Dictionary((found ?? []).map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
          found = (declared + (found ?? []).map(\.name).filter { !declared.contains($0) }).map { .init(name: $0, type: types[$0] ?? nil) }
        }
        guard var found else { continue }
        for place in found.indices { found[place].isPrivate = privacy.covers(found[place].name) }
        columns[PortReference(stage: run.stage.name, port: output.name)] = found
      }
    }
    let origins = ColumnOrigins(session: self, graph: pipeline.graph, columns: columns)
    return description { stage, described in
      described.files = files(stage, readUnder: record.stage(described.name, caseLabel: described.caseLabel)?.key)
      for place in described.outputs.indices { described.outputs[place].columns = origins.columns(of: described.outputs[place].port, stage) }
      described.deciding = origins.deciding(stage)
    }
  }

  /// What the manifest says of itself without looking at anything else: no columns, no files.
  public var outline: ManifestDescription { description { _, _ in } }

  /// How records name a stage of the manifest; nil when there is none.
  public func recordName(ofStage name: String) -> (name: String, caseLabel: String?, kind: String)? {
    pipeline.graph[name].map { stage in
      let (declared, caseLabel) = StageRecord.name(of: stage)
      return (declared, caseLabel, stage.kindName)
    }
  }

  private func description(_ complete: (Stage, inout ManifestDescription.Stage) -> Void) -> ManifestDescription {
    ManifestDescription(
      path: pipeline.path, name: pipeline.name, version: pipeline.version, text: pipeline.desc, license: pipeline.license, files: pipeline.files,
      repository: GitHead.remote(of: workspace.root), commit: GitHead.commit(of: workspace.root),
      stages: pipeline.graph.stages.map { stage in
        let (name, caseLabel) = StageRecord.name(of: stage)
        var described = ManifestDescription.Stage(
          name: name, caseLabel: caseLabel, kind: stage.kindName, text: stage.isImplicit ? nil : stage.desc, tags: stage.tags,
          file: stage.isImplicit ? nil : stage.range?.path, line: stage.isImplicit ? nil : stage.range?.line, files: [],
          outputs: stage.kind.outputs.filter(\.isPublic).map { .init(port: $0.name, content: content($0), columns: nil) }, deciding: [])
        complete(stage, &described)
        return described
      })
  }

  private func content(_ output: OutputPort) -> ManifestDescription.Output.Content {
    switch output.content {
    case .rows: .table
    case .file: .file
    case .folder: .folder
    }
  }

  /// The files of a stage that were in a key of it.
  private func files(_ stage: Stage, readUnder key: Digest?) -> [ManifestDescription.File] {
    guard let key, let bytes = (try? store.entry(.preImage, key)) ?? nil, let image = try? PreImage(decoding: bytes) else { return [] }
    let parts = Set(image.parts.map { $0.name + " " + $0.value })
    return zip(stage.keyFiles, stage.keyFilePaths).compactMap { file, path in
      guard let path, parts.contains("file \(file.role) \(file.digest)"), file.digest.hasPrefix("sha256:"), let digest = Digest(hex: file.digest.dropFirst(7)) else {
        return nil
      }
      return ManifestDescription.File(role: file.role, path: path, digest: digest)
    }
  }

  /// So many rows tell the columns of a table that declares none.
  private static let rowsLookedAt = 100

  /// The columns of the first rows, when their chunk lies in the store.
  private func firstColumns(_ table: TableRun, _ run: StageRun, _ scheduler: Scheduler) -> [ManifestDescription.Column]? {
    guard run.isUsable, table.rows > 0, (try? scheduler.load(table)) != nil, let first = table.chunks.first, let bytes = (try? store.get(first.ref.digest)) ?? nil else {
      return nil
    }
    var found: [ManifestDescription.Column] = []
    let chunk = Chunk(bytes: bytes)
    for row in 0..<min(chunk.rowCount, Self.rowsLookedAt) {
      let row = Array(chunk.bytes[chunk.range(ofRow: row)])
      guard row.first == UInt8(ascii: "{") else { return nil }
      for (name, value) in FieldDiff.members(row) {
        let type = Self.type(of: value)
        if let place = found.firstIndex(where: { $0.name == name }) {
          if let type, found[place].type != type { found[place].type = found[place].type == nil ? type : "any" }
        } else {
          found.append(.init(name: name, type: type))
        }
      }
    }
    return found
  }

  /// What JSON Schema calls a value; nil for null.
  private static func type(of value: [UInt8]) -> String? {
    switch value.first {
    case UInt8(ascii: "\""): "string"
    case UInt8(ascii: "{"): "object"
    case UInt8(ascii: "["): "array"
    case UInt8(ascii: "t"), UInt8(ascii: "f"): "boolean"
    case UInt8(ascii: "n"), nil: nil
    default: value.contains { ".eE".utf8.contains($0) } ? "number" : "integer"
    }
  }
}

extension Session {
  /// The contents of sources that a run has read and that are the same today.
  public func unchangedSources(of record: RunRecord) throws(StoreError) -> Set<Digest> {
    let today = Set(try looked().sources.summaries().compactMap(\.summary.content))
    return Set(record.stages.flatMap(\.inputs).map(\.content)).intersection(today)
  }
}
