public import Diagnostics
public import Lineage
internal import Rows

/// A run as W3C PROV, in PROV-JSON (https://www.w3.org/submissions/prov-json/): what was made (entities) by which stages (activities) of whose
/// program (agents), and from what.
public struct ProvenanceDocument: Sendable {
  public let json: ReportJSON

  public init(_ run: RunRecord, _ manifest: ManifestDescription) {
    var graph = Graph(run)
    graph.add(manifest)
    for stage in run.stages where stage.status == .ran || stage.status == .cached { graph.add(stage) }
    json = graph.json
  }

  /// The document while it grows.
  private struct Graph {
    private let run: RunRecord
    private var entities: [ReportJSON.Member] = []
    private var activities: [ReportJSON.Member] = []
    private var agents: [ReportJSON.Member] = []
    private var used: [ReportJSON.Member] = []
    private var generated: [ReportJSON.Member] = []
    private var derived: [ReportJSON.Member] = []
    private var associated: [ReportJSON.Member] = []
    private var known: Set<String> = []

    init(_ run: RunRecord) { self.run = run }

    /// A name in the namespace of the run. PROV's names take few signs; others stand in hexadecimal.
    private func name(_ text: String) -> String {
      var out = "run:"
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
          UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "@"):
          out.unicodeScalars.append(Unicode.Scalar(byte))
        default: out += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
        }
      }
      return out
    }

    private var agent: String { "pipe:program" }
    private var plan: String { "pipe:manifest" }

    mutating func add(_ manifest: ManifestDescription) {
      agents.append(
        .init(agent, .object(["prov:type": Self.type("prov:SoftwareAgent"), "prov:label": .string("pipe \(run.pipeVersion)")])))
      entities.append(
        .init(
          plan,
          .object([
            "prov:type": Self.type("prov:Plan"), "prov:label": .string(run.manifestPath), "pipe:commit": run.gitCommit.map { .string($0) },
            "prov:location": manifest.repository.map { .string($0) }, "pipe:version": run.manifestVersion.map { .string($0) },
          ])))
    }

    mutating func add(_ stage: StageRecord) {
      let activity = name(stage.fullName)
      activities.append(
        .init(
          activity,
          .object([
            "prov:startTime": stage.startedAt.map { .string(RecordTime.text($0)) }, "prov:endTime": stage.finishedAt.map { .string(RecordTime.text($0)) },
            "prov:type": Self.type("pipe:\(stage.kind)"), "prov:label": .string(stage.fullName), "pipe:status": .string(stage.status.rawValue),
            "pipe:key": stage.key.map { .string($0.hex) },
          ])))
      associated.append(relation(associated, ["prov:activity": .string(activity), "prov:agent": .string(agent), "prov:plan": .string(plan)]))
      var inputs: [String] = []
      for input in stage.inputs { inputs += add(input, readBy: activity) }
      for output in stage.outputs {
        let entity = name("\(stage.fullName).\(output.port)")
        entities.append(
          .init(
            entity,
            .object([
              "prov:type": Self.type("pipe:table"), "prov:label": .string("\(stage.fullName).\(output.port)"), "pipe:content": .string(output.content.hex),
              "pipe:rows": output.rows.map { .int($0) }, "pipe:bytes": output.bytes.map { .int($0) },
            ])))
        generated.append(relation(generated, ["prov:entity": .string(entity), "prov:activity": .string(activity)]))
        for input in inputs {
          derived.append(relation(derived, ["prov:generatedEntity": .string(entity), "prov:usedEntity": .string(input), "prov:activity": .string(activity)]))
        }
        for file in output.files {
          let published = name(file.path)
          entities.append(
            .init(
              published,
              .object([
                "prov:type": Self.type("pipe:file"), "prov:label": .string(file.path), "pipe:sha256": .string(file.digest.hex), "pipe:rows": file.rows.map { .int($0) },
                "pipe:bytes": .int(file.bytes),
              ])))
          generated.append(relation(generated, ["prov:entity": .string(published), "prov:activity": .string(activity)]))
          derived.append(relation(derived, ["prov:generatedEntity": .string(published), "prov:usedEntity": .string(entity), "prov:activity": .string(activity)]))
        }
      }
    }

    /// What a stage has read through a port, as entities.
    private mutating func add(_ input: StageRecord.Input, readBy activity: String) -> [String] {
      let names: [String]
      switch input.origin {
      case .stage(let stage, let caseLabel, let port): names = [name((caseLabel.map { "\(stage)@\($0)" } ?? stage) + "." + port)]
      case .sources(let paths):
        names = paths.map { name("source/\($0)") }
        for (entity, path) in zip(names, paths) where known.insert(entity).inserted {
          entities.append(
            .init(entity, .object(["prov:type": Self.type("pipe:source"), "prov:label": .string(path), "pipe:source": .string(input.content.hex)])))
        }
      }
      for name in names {
        used.append(relation(used, ["prov:activity": .string(activity), "prov:entity": .string(name), "prov:role": .string(input.port)]))
      }
      return names
    }

    /// A relation under a name of its own, counted within its kind.
    private func relation(_ list: [ReportJSON.Member], _ members: KeyValuePairs<String, ReportJSON?>) -> ReportJSON.Member {
      .init("_:\(list.count + 1)", .object(members))
    }

    private static func type(_ name: String) -> ReportJSON { .object(["$": .string(name), "type": .string("prov:QUALIFIED_NAME")]) }

    var json: ReportJSON {
      func numbered(_ letter: String, _ list: [ReportJSON.Member]) -> ReportJSON? {
        list.isEmpty ? nil : .object(list.map { .init("_:\(letter)" + $0.name.dropFirst(2), $0.value) })
      }
      return .object([
        "prefix": .object([
          "prov": .string("http://www.w3.org/ns/prov#"), "pipe": .string("urn:pipe:prov:v1#"), "run": .string("urn:pipe:run:\(run.id)#"),
        ]), "entity": .object(entities), "activity": .object(activities), "agent": .object(agents), "used": numbered("u", used),
        "wasGeneratedBy": numbered("g", generated),
        "wasDerivedFrom": numbered("d", derived), "wasAssociatedWith": numbered("a", associated),
      ])
    }
  }
}
