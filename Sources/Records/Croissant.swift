public import Diagnostics
public import Lineage
internal import Rows

/// The metadata of the files that a manifest publishes, as Croissant 1.1 (http://mlcommons.org/croissant/1.1): what a loader of data sets
/// needs to find the files, to check them, and to read records out of them.
public struct Croissant: Sendable {
  /// A published file.
  public struct File: Sendable {
    /// How the metadata find it: relative to where they lie.
    public var url: String
    public var published: StageRecord.PublishedFile
    /// The output whose rows stand in it.
    public var output: String
    /// The shape of a row; nil when it holds no rows.
    public var shape: RowShape?
    public init(url: String, published: StageRecord.PublishedFile, output: String, shape: RowShape?) {
      (self.url, self.published, self.output, self.shape) = (url, published, output, shape)
    }
  }

  public let json: ReportJSON

  public init(_ files: [File], of run: RunRecord, _ manifest: ManifestDescription) {
    var members: [ReportJSON.Member] = [
      .init("@context", Self.context), .init("@type", .string("sc:Dataset")), .init("name", .string(manifest.name)),
      .init("conformsTo", .string("http://mlcommons.org/croissant/1.1")), .init("description", .string(manifest.text ?? manifest.name)),
      .init("version", .string(run.manifestVersion ?? manifest.version)),
    ]
    if let license = manifest.license { members.append(.init("license", .string("https://spdx.org/licenses/\(license)"))) }
    members.append(.init("url", .string(manifest.repository ?? "urn:pipe:manifest:\(manifest.name)")))
    members.append(.init("citeAs", .string("\(manifest.name) \(run.manifestVersion ?? manifest.version)" + (manifest.repository.map { ", \($0)" } ?? ""))))
    members.append(.init("datePublished", .string(RecordTime.day(run.finishedAt ?? run.startedAt))))
    members.append(.init("isLiveDataset", .bool(false)))
    let names = Self.names(of: files)
    members.append(.init("distribution", .array(zip(files, names).map(Self.fileObject))))
    var sets = zip(files, names).compactMap { file, name in file.shape.map { Self.recordSet(file, $0, file: name, named: Self.name(ofSet: file, files)) } }
    let splits = files.filter { $0.shape != nil }.map { Self.port(of: $0) }
    if Set(splits).count > 1 { sets.append(Self.splits(splits)) }
    members.append(.init("recordSet", .array(sets)))
    members += Self.provenance(files, run, manifest)
    json = .object(members)
  }

  // MARK: files

  /// The last part of a path, where that is enough.
  private static func names(of files: [File]) -> [String] {
    let short = files.map { $0.published.path.split(separator: "/").last.map(String.init) ?? $0.published.path }
    return (Set(short).count == short.count ? short : files.map(\.published.path)).map(id)
  }

  private static func fileObject(_ file: File, _ name: String) -> ReportJSON {
    let format =
      switch name.split(separator: ".").last.map(String.init) {
      case "jsonl": "application/jsonlines"
      case "csv": "text/csv"
      case "json": "application/json"
      case "py": "text/x-python"
      default: "application/octet-stream"
      }
    return .object([
      "@type": .string("cr:FileObject"), "@id": .string(name), "name": .string(name), "contentUrl": .string(file.url),
      "contentSize": .string("\(file.published.bytes) B"),
      "encodingFormat": .string(format), "sha256": .string(file.published.digest.hex),
    ])
  }

  private static func port(of file: File) -> String { file.output.split(separator: ".").last.map(String.init) ?? file.output }

  /// `train`; with shards or several stages the file's name without its ending.
  private static func name(ofSet file: File, _ files: [File]) -> String {
    let port = port(of: file)
    if files.count(where: { $0.shape != nil && Self.port(of: $0) == port }) == 1 { return port }
    let path = file.published.path
    return id(path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path)
  }

  /// A name as part of an identifier, which is an IRI: signs that may not stand in one are written in hexadecimal.
  private static func id(_ name: String) -> String {
    var out = ""
    for scalar in name.unicodeScalars {
      let isPlain = scalar.value >= 0x80 || "-._/~".unicodeScalars.contains(scalar) || (scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value))
      if isPlain { out.unicodeScalars.append(scalar) } else { out += (scalar.value < 16 ? "%0" : "%") + String(scalar.value, radix: 16, uppercase: true) }
    }
    return out
  }

  // MARK: records

  private static func recordSet(_ file: File, _ shape: RowShape, file name: String, named set: String) -> ReportJSON {
    .object([
      "@type": .string("cr:RecordSet"), "@id": .string(set), "name": .string(set),
      "description": .string("\(file.published.rows.map { "\($0) rows" } ?? "Rows") of \(file.output)."),
      "field": .array(shape.members.compactMap { field($0.name, $0.shape, set: set, file: name) }),
    ])
  }

  /// A column. What loaders of Croissant cannot read (lists in objects, lists of several kinds of things) is left out.
  private static func field(_ name: String, _ shape: RowShape, set: String, file: String) -> ReportJSON? {
    let id = "\(set)/\(Self.id(name))"
    let source = ReportJSON.object(["fileObject": .object(["@id": .string(file)]), "extract": .object(["column": .string(name)])])
    let isMixed = (shape.isList ? 1 : 0) + (shape.isObject ? 1 : 0) + (shape.scalars.isEmpty ? 0 : 1) > 1
    if isMixed { return nil }
    var inner = shape
    while inner.isList, let items = inner.items { inner = items }
    if inner.isObject {
      // Objects in lists of lists have no form.
      guard inner.scalars.isEmpty, !inner.isList, !shape.isList || shape.items?.isList == false else { return nil }
      let fields = leaves(inner, []).map { path, type -> ReportJSON in
        let sub = "\(id)/\(path.map(Self.id).joined(separator: "/"))"
        return .object([
          "@type": .string("cr:Field"), "@id": .string(sub), "name": .string(sub), "dataType": .string(type),
          "source": .object([
            "fileObject": .object(["@id": .string(file)]), "extract": .object(["column": .string(name)]),
            "transform": .object(["jsonPath": .string(path.map(step).joined(separator: "."))]),
          ]),
        ])
      }
      if fields.isEmpty { return nil }
      return .object([
        "@type": .string("cr:Field"), "@id": .string(id), "name": .string(id), "repeated": shape.isList ? .bool(true) : nil, "source": source, "subField": .array(fields),
      ])
    }
    return .object([
      "@type": .string("cr:Field"), "@id": .string(id), "name": .string(id), "dataType": .string(type(of: inner.scalars)), "repeated": shape.isList ? .bool(true) : nil,
      "source": source,
    ])
  }

  /// The scalars of an object, also in objects within it: their path and type.
  private static func leaves(_ shape: RowShape, _ path: [String]) -> [(path: [String], type: String)] {
    shape.members.flatMap { name, shape -> [(path: [String], type: String)] in
      if shape.isList || shape.isObject && !shape.scalars.isEmpty { return [] }
      return shape.isObject ? leaves(shape, path + [name]) : [(path + [name], type(of: shape.scalars))]
    }
  }

  /// A name as a step of a JSON path.
  private static func step(_ name: String) -> String {
    name.utf8.allSatisfy { $0 == 0x5F || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
      ? name : "'" + name.replacing("'", with: "\\'") + "'"
  }

  private static func type(of scalars: Set<RowShape.Scalar>) -> String {
    switch scalars {
    case [.boolean]: "sc:Boolean"
    case [.integer]: "sc:Integer"
    case [.number], [.integer, .number]: "sc:Float"
    default: "sc:Text"
    }
  }

  private static func splits(_ names: [String]) -> ReportJSON {
    var once: [String] = []
    for name in names where !once.contains(name) { once.append(name) }
    return .object([
      "@type": .string("cr:RecordSet"), "@id": .string("splits"), "name": .string("splits"), "dataType": .string("cr:Split"),
      "key": .object(["@id": .string("splits/name")]),
      "field": .array([.object(["@type": .string("cr:Field"), "@id": .string("splits/name"), "name": .string("splits/name"), "dataType": .string("sc:Text")])]),
      "data": .array(once.map { .object(["splits/name": .string($0)]) }),
    ])
  }

  // MARK: where it came from

  private static func provenance(_ files: [File], _ run: RunRecord, _ manifest: ManifestDescription) -> [ReportJSON.Member] {
    var stages: [StageRecord] = []
    for (stage, _, file) in run.published where files.contains(where: { $0.published == file }) {
      for ancestor in run.ancestry(of: stage) where !stages.contains(where: { $0.fullName == ancestor.fullName }) { stages.append(ancestor) }
    }
    var sources: [ReportJSON] = []
    for input in stages.flatMap(\.inputs) {
      guard case .sources(let paths) = input.origin else { continue }
      for path in paths {
        let source = ReportJSON.object(["@type": .string("prov:Entity"), "prov:label": .string(path), "prov:value": .string("pipeSource:\(input.content.hex)")])
        if !sources.contains(source) { sources.append(source) }
      }
    }
    var members: [ReportJSON.Member] = []
    if !sources.isEmpty { members.append(.init("prov:wasDerivedFrom", .array(sources))) }
    members.append(
      .init(
        "prov:wasGeneratedBy",
        .object([
          "@type": .string("prov:Activity"), "prov:label": .string("pipe run \(run.manifestPath)"), "prov:value": .string(run.id),
          "prov:startedAtTime": .string(RecordTime.text(run.startedAt)), "prov:endedAtTime": run.finishedAt.map { .string(RecordTime.text($0)) },
          "prov:wasAssociatedWith": .object(["@type": .string("prov:SoftwareAgent"), "prov:label": .string("pipe \(run.pipeVersion)")]),
        ])))
    members.append(.init("rai:dataPreprocessingProtocol", .array(stages.map { .string(ledger($0)) })))
    let labels = stages.filter { $0.kind == "label-merge" }
    if !labels.isEmpty { members.append(.init("rai:dataAnnotationProtocol", .strings(labels.map { ledger($0) }))) }
    let personal = stages.flatMap { stage in
      (manifest.stage(stage.name, caseLabel: stage.caseLabel)?.outputs ?? []).flatMap { output in
        (output.columns ?? []).filter(\.isPrivate).map { "column \($0.name) of \(stage.fullName).\(output.port)" }
      }
    }
    if !personal.isEmpty { members.append(.init("rai:personalSensitiveInformation", .strings(personal))) }
    return members
  }

  /// `tickets (ingest): 506 rows in, 437 out; left out: 69 (where)`
  private static func ledger(_ stage: StageRecord) -> String {
    var text = "\(stage.fullName) (\(stage.kind)): \(stage.rowsIn ?? 0) rows in, \(stage.rowsOut ?? 0) out"
    if !stage.dropped.isEmpty { text += "; left out: " + stage.dropped.map { "\($0.rows) (\($0.reason))" }.joined(separator: ", ") }
    return text
  }

  /// The context of Croissant 1.1, as its reference implementation has it, with PROV.
  private static let context: ReportJSON = {
    func typed(_ id: String, _ type: String) -> ReportJSON { .object(["@id": .string(id), "@type": .string(type)]) }
    var members: [ReportJSON.Member] = [.init("@language", .string("en")), .init("@vocab", .string("https://schema.org/"))]
    for name in ["arrayShape", "citeAs", "column"] { members.append(.init(name, .string("cr:\(name)"))) }
    members.append(.init("conformsTo", .string("dct:conformsTo")))
    members += [.init("containedIn", .string("cr:containedIn")), .init("cr", .string("http://mlcommons.org/croissant/"))]
    members += [
      .init("rai", .string("http://mlcommons.org/croissant/RAI/")), .init("data", typed("cr:data", "@json")), .init("dataType", typed("cr:dataType", "@vocab")),
      .init("dct", .string("http://purl.org/dc/terms/")), .init("description", .object(["@container": .string("@language")])),
      .init("name", .object(["@container": .string("@language")])),
    ]
    for name in ["equivalentProperty"] { members.append(.init(name, .string("cr:\(name)"))) }
    members.append(.init("examples", typed("cr:examples", "@json")))
    for name in [
      "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
      "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    ] { members.append(.init(name, .string("cr:\(name)"))) }
    members += [.init("sc", .string("https://schema.org/")), .init("prov", .string("http://www.w3.org/ns/prov#"))]
    for name in ["separator", "source", "subField", "transform"] { members.append(.init(name, .string("cr:\(name)"))) }
    return .object(members)
  }()
}
