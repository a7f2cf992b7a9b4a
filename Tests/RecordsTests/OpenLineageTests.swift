import Diagnostics
import Lineage
import Testing

@testable import Records

/// What every event must have by the standard; golden files hold the rest.
@Suite struct OpenLineageTests {
  @Test func everyFacetSaysWhoMadeItAndWhatItIs() throws {
    for event in OpenLineage(Sample.manifest, pipeVersion: "0.1.0").events(of: Sample.run) {
      let json = try #require(JSON(Array(event.compact.utf8)))
      for field in ["eventTime", "producer", "schemaURL"] { #expect(json[field]?.text != nil) }
      var facets = Self.members(json["run"]?["facets"]) + Self.members(json["job"]?["facets"])
      for side in ["inputs", "outputs"] {
        for dataset in json[side]?.items ?? [] {
          #expect(dataset["namespace"]?.text == "https://example.org/team/data.git")
          #expect(dataset["name"]?.text != nil)
          facets += Self.members(dataset["facets"]) + Self.members(dataset["inputFacets"]) + Self.members(dataset["outputFacets"])
        }
      }
      for facet in facets {
        #expect(facet["_producer"]?.text == "urn:pipe:0.1.0")
        #expect(facet["_schemaURL"]?.text?.contains("#/$defs/") == true)
      }
    }
  }

  @Test func runsAreNamedByUUIDsThatSortByTime() {
    let id = Sample.run.uuid
    #expect(id.hasPrefix("01a0c450-6c7b-7"))
    #expect(["8", "9", "a", "b"].contains(id.dropFirst(19).first))
    #expect(Set(Sample.run.stages.map(Sample.run.uuid(of:)) + [id]).count == 4)
  }

  @Test func aFailureIsToldAndWhatWasNotReachedIsNot() {
    var run = Sample.run
    run.exitStatus = 1
    run.stages[1].status = .failed
    run.stages[1].failure = "it broke"
    run.stages[2].status = .notRun
    let events = OpenLineage(Sample.manifest, pipeVersion: "0.1.0").events(of: run).compactMap { JSON(Array($0.compact.utf8)) }
    #expect(events.compactMap { $0["eventType"]?.text } == ["START", "START", "COMPLETE", "START", "FAIL", "FAIL"])
    #expect(events[4]["run"]?["facets"]?["errorMessage"]?["message"]?.text == "it broke")
  }

  @Test func whatWasToldAtWorkIsNotToldAgain() {
    let events = OpenLineage(Sample.manifest, pipeVersion: "0.1.0").events(of: Sample.run, told: ["pairs@de", "dataset"], isBeginTold: true)
    #expect(events.compactMap { JSON(Array($0.compact.utf8))?["eventType"]?.text } == ["START", "COMPLETE", "COMPLETE", "COMPLETE", "COMPLETE"])
  }

  private static func members(_ json: JSON?) -> [JSON] { if case .object(let members)? = json { members.map(\.1) } else { [] } }
}
