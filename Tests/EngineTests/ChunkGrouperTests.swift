import Rows
import Testing

@testable import Engine

@Suite struct ChunkGrouperTests {
  @Test func aChunkOfFullSizeEndsItsGroup() {
    var grouper = ChunkGrouper()
    #expect(grouper.endsGroup(digest: .of("a"), bytes: ChunkCutter.minimumBytes))
  }

  @Test func smallChunksGatherUntilTheMinimum() {
    var grouper = ChunkGrouper()
    for index in 0..<63 { #expect(!grouper.endsGroup(digest: .of("\(index)"), bytes: 1024)) }
  }
}
