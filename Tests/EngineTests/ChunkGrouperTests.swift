import Rows
import Testing

@testable import Engine

@Suite struct ChunkGrouperTests {
  @Test func aChunkOfFullSizeEndsItsGroup() {
    var grouper = ChunkGrouper()
    let ends = grouper.endsGroup(digest: .of("a"), bytes: ChunkCutter.minimumBytes)
    #expect(ends)
  }

  @Test func smallChunksGatherUntilTheMinimum() {
    var grouper = ChunkGrouper()
    for index in 0..<63 {
      let ends = grouper.endsGroup(digest: .of("\(index)"), bytes: 1024)
      #expect(!ends)
    }
  }
}
