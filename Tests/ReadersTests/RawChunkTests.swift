import Rows
import Testing

@testable import Readers

/// How sources are cut, and that what was cut can be read again.
@Suite struct RawChunkTests {
  let folder = TestFolder()

  private func chunks(_ name: String, _ format: RecordFormat? = nil) throws -> [RawChunk] {
    let location = try #require(SourceListing.locations(of: name, root: folder.path).first)
    let reader = try RawChunkReader(location, format: format ?? location.format ?? .jsonl)
    var chunks: [RawChunk] = []
    while let chunk = try reader.next() { chunks.append(chunk) }
    return chunks
  }

  /// About `count` rows of some hundred bytes, the same for the same seed.
  private func rows(_ count: Int, seed: UInt64) -> [String] {
    var state = seed
    return (0..<count).map { index in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return #"{"id":\#(index),"text":"\#(String(repeating: "word \(state >> 40) ", count: 2 + Int(state >> 60)))"}"#
    }
  }

  @Test func aFileIsCutWithoutALostByte() throws {
    let text = rows(20_000, seed: 1).joined(separator: "\n")
    folder.write("a.jsonl", text)
    let chunks = try chunks("a.jsonl")
    #expect(chunks.count > 5)
    #expect(chunks.flatMap(\.bytes) == Array(text.utf8))
    var offset = 0
    var line = 1
    for chunk in chunks {
      #expect(chunk.entry.offset == offset)
      #expect(chunk.entry.startLine == line)
      #expect(chunk.entry.length == chunk.bytes.count)
      #expect(chunk.entry.digest == Digest.of(chunk.bytes))
      offset += chunk.bytes.count
      line += chunk.bytes.count { $0 == 0x0A }
    }
    #expect(chunks.reduce(0) { $0 + $1.entry.records } == 20_000)
  }

  @Test(arguments: [UInt64](1...6))
  func anEditMovesAtMostTwoChunks(seed: UInt64) throws {
    var lines = rows(40_000, seed: seed)
    folder.write("a.jsonl", lines.joined(separator: "\n") + "\n")
    let before = Set(try chunks("a.jsonl").map(\.entry.digest))
    lines[Int(seed) * 5003] = #"{"id":0,"text":"another"}"#
    folder.write("a.jsonl", lines.joined(separator: "\n") + "\n")
    let after = try chunks("a.jsonl").map(\.entry.digest)
    #expect(after.filter { !before.contains($0) }.count <= 2, "seed \(seed)")
  }

  @Test func csvChunksBeginWithRecords() throws {
    var text = "id,text\n"
    for index in 0..<9000 { text += "\(index),\"line one of \(index)\nline \"\"two\"\", \(index * 7919)\"\n" }
    folder.write("a.csv", text)
    let chunks = try chunks("a.csv")
    #expect(chunks.count > 1)
    #expect(Array("id,text\n".utf8) + chunks.flatMap(\.bytes) == Array(text.utf8))
    #expect(chunks[0].entry.startLine == 2)
    var line = 2
    var next = 0
    for chunk in chunks {
      #expect(chunk.entry.startLine == line)
      let parser = RecordParser(context: chunk.entry.context)
      let parsed = parser.parse(chunk.bytes)
      #expect(parsed.bad.isEmpty)
      #expect(parsed.rows.rowCount == chunk.entry.records)
      let first = try #require(String(decoding: parsed.bytes, as: UTF8.self).split(separator: "\n").first)
      #expect(first == #"{"id":"\#(next)","text":"line one of \#(next)\nline \"two\", \#(next * 7919)"}"#)
      #expect(parser.line(ofRecord: 1, in: chunk.bytes) == 2)
      next += parsed.rows.rowCount
      line += chunk.bytes.count { $0 == 0x0A }
    }
    #expect(next == 9000)
  }

  @Test func aLineOfAHundredMegabytesIsAChunkAlone() throws {
    let size = 100_000_000
    let line = Array(#"{"text":""#.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: size) + Array("\"}\n".utf8)
    folder.write("a.jsonl", Array("{\"a\":1}\n".utf8) + line + Array("{\"a\":2}\n".utf8))
    let chunks = try chunks("a.jsonl")
    #expect(chunks.map(\.bytes.count) == [8, line.count, 8])
    #expect(RecordParser(context: chunks[1].entry.context).parse(chunks[1].bytes).bytes.count == line.count)
  }

  @Test func jsonChunksKnowTheirColumn() throws {
    let elements = rows(3000, seed: 3)
    folder.write("a.json", "[" + elements.joined(separator: ", ") + "]")
    let chunks = try chunks("a.json")
    #expect(chunks.count > 1)
    #expect(chunks.reduce(0) { $0 + $1.entry.records } == 3000)
    #expect(chunks[0].entry.startColumn == 2)
    #expect(chunks[1].entry.startColumn == 2 + chunks[0].bytes.count)
    let parsed = chunks.flatMap { RecordParser(context: $0.entry.context).parse($0.bytes).bytes }
    #expect(parsed == Array((elements.joined(separator: "\n") + "\n").utf8))
  }

  @Test func equalContentGivesEqualChunksWhateverTheFileIsCalled() throws {
    let text = "id,text\n" + (0..<5000).map { "\($0),text number \($0 * 7919)\n" }.joined()
    folder.write("a.csv", text)
    folder.write("sub/b.csv", "\u{FEFF}" + text)
    folder.write("c.csv", "\"id\",\"text\"\r\n" + text.dropFirst(8))
    let a = try chunks("a.csv")
    for other in [try chunks("sub/b.csv"), try chunks("c.csv")] {
      #expect(a.map(\.entry.digest) == other.map(\.entry.digest))
      #expect(a.map(\.entry.context) == other.map(\.entry.context))
    }
    // Other rows come of the same bytes under another name.
    folder.write("d.txt", text)
    #expect(try chunks("d.txt")[0].entry.context != a[0].entry.context)
  }

  @Test func chunksAreReadAgainInAnyOrder() throws {
    folder.write("a.jsonl", rows(20_000, seed: 5).joined(separator: "\n"))
    let location = try #require(SourceListing.locations(of: "a.jsonl", root: folder.path).first)
    let fetcher = RawChunkFetcher(location)
    for chunk in try chunks("a.jsonl").reversed() { #expect(try fetcher.bytes(of: chunk.entry) == chunk.bytes) }
  }

  @Test func membersAreReadAgainInTheOrderOfTheirNames() throws {
    // The archive of a golden case, whose members stand in another order.
    let text = String(decoding: try #require(contents(ofFile: GoldenTests.folder + "/Packed.md")), as: UTF8.self)
    let golden = try #require(GoldenDocument(text).cases.first { $0.title == "Members of a zip archive, by name" })
    let digits = golden.fences[0].lines.joined()
    folder.write("a.zip", stride(from: 0, to: digits.utf8.count, by: 2).map { UInt8(digits.dropFirst($0).prefix(2), radix: 16)! })
    let chunks = try chunks("a.zip!/**/*", .jsonl)
    #expect(chunks.map(\.entry.member) == ["b.jsonl", "a.jsonl", "notes/read me.txt"])
    let location = try #require(SourceListing.locations(of: "a.zip!/**/*", root: folder.path).first)
    let fetcher = RawChunkFetcher(location)
    for _ in 0..<2 {
      for chunk in chunks.sorted(by: { RawChunkEntry.precedes($0.entry, $1.entry) }) { #expect(try fetcher.bytes(of: chunk.entry) == chunk.bytes) }
    }
  }

  @Test func aFileThatChangedIsNotReadAgain() throws {
    folder.write("a.jsonl", "{\"a\":1}\n")
    let chunk = try #require(try chunks("a.jsonl").first)
    let location = try #require(SourceListing.locations(of: "a.jsonl", root: folder.path).first)
    folder.write("a.jsonl", "{\"a\":2}\n")
    #expect { try RawChunkFetcher(location).bytes(of: chunk.entry) } throws: { ($0 as? ReadError)?.kind == .changed }
  }

  @Test func aFileThatIsWrittenToMeanwhileIsNoticed() throws {
    folder.write("a.jsonl", rows(20_000, seed: 6).joined(separator: "\n"))
    let location = try #require(SourceListing.locations(of: "a.jsonl", root: folder.path).first)
    let reader = try RawChunkReader(location, format: .jsonl)
    _ = try reader.next()
    folder.write("a.jsonl", rows(10_000, seed: 7).joined(separator: "\n"))
    #expect { while try reader.next() != nil {} } throws: { ($0 as? ReadError)?.kind == .changed }
  }

  @Test func entriesSurviveEncoding() throws {
    folder.write("a.csv", "id,größe\n1,2\n")
    let entry = try #require(try chunks("a.csv").first).entry
    var writer = ByteWriter()
    entry.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    #expect(try RawChunkEntry(from: &reader) == entry)
    #expect(reader.isAtEnd)
  }

  @Test func ordinalsOfRecordsLeadToLines() throws {
    folder.write("a.jsonl", "\n{\"a\":1}\n\n\n{\"a\":2}\r\n{\"a\":3}")
    let chunk = try #require(try chunks("a.jsonl").first)
    let parser = RecordParser(context: chunk.entry.context)
    #expect((0..<3).map { parser.line(ofRecord: $0, in: chunk.bytes) } == [1, 4, 5])
    #expect(parser.line(ofRecord: 3, in: chunk.bytes) == nil)
    #expect(chunk.bytes.withUnsafeBytes { parser.recordRanges(in: $0) }.map(\.count) == [7, 7, 7])
  }

  @Test func foldersAreWalkedInOrder() throws {
    for index in 0..<2000 { folder.write("many/\(index % 20)/f\(index).jsonl", "{}\n") }
    let found = try SourceListing.locations(of: "many/**/*.jsonl", root: folder.path).map(\.name)
    #expect(found.count == 2000)
    #expect(found == found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }
}
