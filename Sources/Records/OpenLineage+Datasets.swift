internal import Diagnostics
internal import Lineage
internal import Rows

/// Datasets of OpenLineage events: source files, and tables by the stage and the output that make them.
///
/// A path is a dataset's name only for sources: what a stage makes is called by the stage, wherever it is published; its files are told as
/// other names of it.
extension OpenLineage {
  /// So many files of a source are told one by one; of more, what their paths have in common.
  private static let filesTold = 20

  func inputs(of stage: StageRecord, _ run: RunRecord) -> [ReportJSON] {
    var found: [ReportJSON] = []
    for input in stage.inputs {
      switch input.origin {
      case .sources(let paths):
        for name in Self.names(of: paths) {
          let files = name.hasSuffix("*") ? paths.count : 1
          let isWhole = files == paths.count
          found.append(
            dataset(
              name, [("version", version(input.content)), ("datasetType", type("FILE", paths.count > 1 ? "PART" : nil))], kind: "inputFacets",
              isWhole && stage.inputs.count == 1
                ? [("inputStatistics", statistics("1-0-0/InputStatisticsInputDatasetFacet", rows: stage.rowsIn, bytes: nil, files: files))] : []))
        }
      case .stage(let name, let caseLabel, let port):
        guard let producer = run.stage(name, caseLabel: caseLabel) else { continue }
        let made = producer.output(port)
        var facets: Facets = [("version", version(input.content))]
        if let schema = schema(producer, port) { facets.append(("schema", schema)) }
        found.append(
          dataset(
            self.name("\(producer.fullName).\(port)"), facets, kind: "inputFacets",
            [("inputStatistics", statistics("1-0-0/InputStatisticsInputDatasetFacet", rows: made?.rows, bytes: made?.bytes, files: nil))]))
      }
    }
    return found
  }

  func outputs(of stage: StageRecord, _ differences: [String: RowDifference]) -> [ReportJSON] {
    stage.outputs.map { output in
      var facets: Facets = [("version", version(output.content))]
      let described = manifest.stage(stage.name, caseLabel: stage.caseLabel)?.outputs.first { $0.port == output.port }
      facets.append(
        ("datasetType", type(described?.content == .table || described == nil ? "TABLE" : "FILE", described.map { $0.content == .folder ? "FOLDER" : nil } ?? nil)))
      if let schema = schema(stage, output.port) { facets.append(("schema", schema)) }
      if let columns = columnLineage(stage, output.port) { facets.append(("columnLineage", columns)) }
      if !output.files.isEmpty {
        let names = output.files.map { ReportJSON.object(["namespace": .string(namespace), "name": .string($0.path), "type": .string("FILE")]) }
        facets.append(("symlinks", facet("1-0-1/SymlinksDatasetFacet", ["identifiers": .array(names)])))
        let format = output.files[0].path.split(separator: ".").last.map(String.init) ?? ""
        facets.append(("storage", facet("1-0-1/StorageDatasetFacet", ["storageLayer": .string("file"), "fileFormat": .string(format)])))
      }
      if let assertions = assertions(stage, output) { facets.append(("dataQualityAssertions", assertions)) }
      if let lineage = output.lineage { facets.append(("pipe_rowLineage", own("rowLineage", ["lineage": .string(lineage.hex), "granularity": .string("row")]))) }
      if let difference = differences["\(stage.fullName).\(output.port)"] { facets.append(("pipe_rowDiff", rowDiff(difference))) }
      return dataset(
        name("\(stage.fullName).\(output.port)"), facets, kind: "outputFacets",
        [
          (
            "outputStatistics",
            statistics("1-0-2/OutputStatisticsOutputDatasetFacet", rows: output.rows, bytes: output.bytes, files: output.files.isEmpty ? nil : output.files.count)
          )
        ])
    }
  }

  private func dataset(_ name: String, _ facets: Facets, kind: String, _ own: Facets) -> ReportJSON {
    .object([.init("namespace", .string(namespace)), .init("name", .string(name)), .init("facets", Self.object(facets)), .init(kind, Self.object(own))])
  }

  /// The names of a source's files.
  private static func names(of paths: [String]) -> [String] {
    guard paths.count > filesTold, var common = paths.first else { return paths }
    for path in paths { while !path.hasPrefix(common) { common.removeLast() } }
    return [common + "*"]
  }

  // MARK: facets

  private func version(_ content: Digest) -> ReportJSON { facet("1-0-1/DatasetVersionDatasetFacet", ["datasetVersion": .string(content.description)]) }

  private func type(_ type: String, _ sub: String?) -> ReportJSON {
    facet("1-0-1/DatasetTypeDatasetFacet", ["datasetType": .string(type), "subType": sub.map { .string($0) }])
  }

  private func statistics(_ schema: String, rows: Int?, bytes: Int?, files: Int?) -> ReportJSON {
    facet(schema, ["rowCount": rows.map { .int($0) }, "size": bytes.map { .int($0) }, "fileCount": files.map { .int($0) }])
  }

  private func columns(_ stage: StageRecord, _ port: String) -> [ManifestDescription.Column]? {
    manifest.stage(stage.name, caseLabel: stage.caseLabel)?.outputs.first { $0.port == port }?.columns
  }

  private func schema(_ stage: StageRecord, _ port: String) -> ReportJSON? {
    guard let columns = columns(stage, port) else { return nil }
    let fields = columns.enumerated().map { place, column in
      ReportJSON.object([
        "name": .string(column.name), "type": column.type.map { .string($0) }, "description": column.isPrivate ? .string("personal data (pii)") : nil,
        "ordinal_position": .int(place + 1),
      ])
    }
    return facet("1-2-0/SchemaDatasetFacet", ["fields": .array(fields)])
  }

  private func columnLineage(_ stage: StageRecord, _ port: String) -> ReportJSON? {
    guard let columns = columns(stage, port), let described = manifest.stage(stage.name, caseLabel: stage.caseLabel) else { return nil }
    let fields = columns.compactMap { column -> ReportJSON.Member? in
      let origins = column.origins.flatMap { inputFields($0, stage, type: "DIRECT", subtype: $0.isCopied ? "IDENTITY" : "TRANSFORMATION") }
      return origins.isEmpty ? nil : .init(column.name, .object(["inputFields": .array(origins)]))
    }
    let deciding = described.deciding.flatMap { inputFields($0, stage, type: "INDIRECT", subtype: "FILTER") }
    if fields.isEmpty, deciding.isEmpty { return nil }
    return facet("1-2-0/ColumnLineageDatasetFacet", ["fields": .object(fields), "dataset": deciding.isEmpty ? nil : .array(deciding)])
  }

  /// A column of an input in each dataset that the input is.
  private func inputFields(_ origin: ManifestDescription.Origin, _ stage: StageRecord, type: String, subtype: String) -> [ReportJSON] {
    let inputs = stage.inputs.filter { $0.port == origin.port }
    guard origin.source < inputs.count else { return [] }
    let names: [String] =
      switch inputs[origin.source].origin {
      case .sources: inputs.flatMap { input -> [String] in if case .sources(let paths) = input.origin { Self.names(of: paths) } else { [] } }
      case .stage(let name, let caseLabel, let port): [self.name((caseLabel.map { "\(name)@\($0)" } ?? name) + "." + port)]
      }
    return names.map { name in
      .object([
        "namespace": .string(namespace), "name": .string(name), "field": .string(origin.column),
        "transformations": .array([.object(["type": .string(type), "subtype": .string(subtype), "masking": .bool(false)])]),
      ])
    }
  }

  /// The stage's expectations that name this output, or no output at all.
  private func assertions(_ stage: StageRecord, _ output: StageRecord.Output) -> ReportJSON? {
    let others = stage.outputs.map(\.port).filter { $0 != output.port }
    let own = stage.checks.filter { check in
      let isDecided = check.verdict == .passed || check.verdict == .failed
      return isDecided && (check.expression.contains(".\(output.port)") || !others.contains { check.expression.contains(".\($0)") })
    }
    guard !own.isEmpty else { return nil }
    let assertions = own.map { check in
      ReportJSON.object([
        "assertion": .string("expression"), "success": .bool(check.verdict == .passed), "severity": .string(check.severity == .error ? "error" : "warn"),
        "name": .string(check.expression), "actual": .string(check.value), "content": .string(check.expression), "contentType": .string("expression"),
      ])
    }
    return facet("1-1-0/DataQualityAssertionsDatasetFacet", ["assertions": .array(assertions)])
  }

  private func rowDiff(_ difference: RowDifference) -> ReportJSON {
    own(
      "rowDiff",
      [
        "base": .string(difference.base), "added": .int(difference.added), "removed": .int(difference.removed), "changed": .int(difference.changed),
        "moved": .int(difference.moved),
        "causes": .array(difference.causes.map { .object(["bucket": .string($0.bucket), "subject": .string($0.subject), "rows": .int($0.rows)]) }),
      ])
  }
}
