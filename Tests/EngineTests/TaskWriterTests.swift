import Rows
import Testing

@testable import Engine

@Suite struct TaskWriterTests {
  /// What a task delivers, and its result.
  private struct Made {
    var chunks: [[UInt8]] = []
    var result: TaskResult?
  }

  private func made(_ work: (TaskWriter) throws -> Void) throws -> Made {
    var made = Made()
    let writer = TaskWriter(outputs: 1) { (_, _, bytes) throws(TaskFailure) in made.chunks.append(bytes) }
    try work(writer)
    made.result = try writer.finish()
    return made
  }

  /// Rows of all sizes, some of them larger than the largest chunk.
  private func rows(_ seed: UInt64, _ count: Int) -> [[UInt8]] {
    var state = seed
    return (0..<count).map { number in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let size = state >> 60 == 0 ? Int(state >> 32) % 1_500_000 : Int(state >> 40) % 3000
      return Array("{\"id\":\(number),\"text\":\"".utf8) + Array(repeating: UInt8(ascii: "a") + UInt8(state % 26), count: size) + Array("\"}".utf8)
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func passingAChunkIsWritingItsRows(_ seed: UInt64) throws {
    let table = try made { writer in
      for (number, row) in rows(seed, 1500).enumerated() {
        try row.withUnsafeBytes { try writer.emit(from: RowParent(chunk: 0, row: number), row: $0) }
      }
    }
    #expect(table.chunks.count > 10)
    for (bytes, ref) in zip(table.chunks, try #require(table.result).ports[0].chunks) {
      let chunk = InputChunk(source: 0, bytes: bytes, context: [], ref: ref)
      let passed = try made { try $0.pass(chunk) }
      let written = try made { writer in
        try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in try writer.emit(from: RowParent(chunk: 0, row: row), row: bytes) }
      }
      #expect(passed.chunks == written.chunks)
      #expect(passed.result == written.result)
    }
  }
}
