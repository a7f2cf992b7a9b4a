import Diagnostics
import Rows
import Testing

@testable import Readers

/// Cases written as Markdown in `Golden/`: files, what is read, and the whole answer.
///
/// A section is a case. Its fences: `file NAME [escaped] [open]` (`escaped`: `\xFF`, `\r`, `\0` …; `open`: without the last line end),
/// `hex NAME`, `sql NAME`, `folder NAME`, `link NAME` (its content is the target), `read` (the pattern, then settings), `answer`.
/// `PIPE_UPDATE_GOLDEN=1 swift test` writes the answers anew.
@Suite struct GoldenTests {
  static let folder = String(#filePath.dropLast("GoldenTests.swift".count)) + "Golden"
  static let files = ["JSONLines", "JSON", "CSV", "Text", "Packed", "Database", "Paths"]

  @Test(arguments: files)
  func answersAreAsWritten(file: String) throws {
    let path = "\(Self.folder)/\(file).md"
    let text = String(decoding: try #require(contents(ofFile: path)), as: UTF8.self)
    var document = GoldenDocument(text)
    #expect(document.cases.count > 0)
    let update = environment("PIPE_UPDATE_GOLDEN") == "1"
    for index in document.cases.indices {
      let golden = document.cases[index]
      let answer = GoldenRun(golden).answer()
      if update { document.set(answer, for: index) } else { #expect(answer == golden.answer, "\(file): \(golden.title)") }
    }
    if update { setContents(ofFile: path, Array(document.text.utf8)) }
  }

  @Test func thereAreAtLeastThirtyBadFiles() throws {
    var bad = 0
    for file in Self.files {
      let text = String(decoding: try #require(contents(ofFile: "\(Self.folder)/\(file).md")), as: UTF8.self)
      bad += GoldenDocument(text).cases.filter { $0.answer.contains("error[") }.count
    }
    #expect(bad >= 30)
  }
}

struct GoldenFence {
  var info: [String]
  var lines: [String]
}

struct GoldenCase {
  var title: String
  var fences: [GoldenFence] = []
  /// Lines of the document that the answer takes, without its fences.
  var answerRange: Range<Int>?
  var answer: String { fences.first { $0.info.first == "answer" }.map { $0.lines.map { $0 + "\n" }.joined() } ?? "" }
}

struct GoldenDocument {
  private(set) var lines: [String]
  private(set) var cases: [GoldenCase] = []

  init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var at = 0
    while at < lines.count {
      if lines[at].hasPrefix("## ") {
        cases.append(GoldenCase(title: String(lines[at].dropFirst(3))))
      } else if lines[at].hasPrefix("```"), lines[at].count > 3, !cases.isEmpty {
        let info = lines[at].dropFirst(3).split(separator: " ").map(String.init)
        let start = at + 1
        at = start
        while lines[at] != "```" { at += 1 }
        cases[cases.count - 1].fences.append(GoldenFence(info: info, lines: Array(lines[start..<at])))
        if info.first == "answer" { cases[cases.count - 1].answerRange = start..<at }
      }
      at += 1
    }
  }

  var text: String { lines.joined(separator: "\n") }

  mutating func set(_ answer: String, for index: Int) {
    guard let range = cases[index].answerRange else { return }
    let new = answer.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    lines.replaceSubrange(range, with: new)
    for other in cases.indices {
      if let old = cases[other].answerRange, old.lowerBound > range.lowerBound {
        let shift = new.count - range.count
        cases[other].answerRange = (old.lowerBound + shift)..<(old.upperBound + shift)
      }
    }
  }
}

struct GoldenRun {
  private let folder = TestFolder()
  private var pattern = ""
  private var settings: [String: String] = [:]

  init(_ golden: GoldenCase) {
    for fence in golden.fences {
      let name = fence.info.count > 1 ? fence.info[1] : ""
      switch fence.info[0] {
      case "file":
        var text = fence.lines.joined(separator: "\n")
        if !fence.info.contains("open") { text += "\n" }
        folder.write(name, fence.info.contains("escaped") ? Self.unescape(text) : Array(text.utf8))
      case "hex":
        let digits = fence.lines.joined().filter { !$0.isWhitespace }
        folder.write(name, stride(from: 0, to: digits.count, by: 2).map { UInt8(digits.dropFirst($0).prefix(2), radix: 16)! })
      case "sql": folder.database(name, fence.lines.joined(separator: "\n"))
      case "folder": folder.makeFolder(name)
      case "link": folder.link(name, to: fence.lines[0])
      case "read":
        pattern = fence.lines[0]
        for line in fence.lines.dropFirst() {
          let colon = line.firstIndex(of: ":")!
          settings[String(line[..<colon])] = String(line[line.index(after: colon)...].dropFirst())
        }
      default: break
      }
    }
  }

  static func unescape(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
        out.append(byte)
        continue
      }
      switch next {
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "0"): out.append(0)
      case UInt8(ascii: "x"):
        out.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
        rest = rest.dropFirst(2)
      default: out.append(next)
      }
    }
    return out
  }

  private func format(_ location: Readers.SourceLocation) -> RecordFormat {
    var format = location.format ?? .jsonl
    switch settings["format"] {
    case "jsonl": format = .jsonl
    case "json": format = .json(rows: [])
    case "csv": format = .csv(CSVDialect())
    case "tsv": format = .csv(CSVDialect(delimiter: 0x09))
    case "text": format = .text(.line)
    default: break
    }
    switch format {
    case .csv(var dialect):
      if let delimiter = settings["delimiter"] { dialect.delimiter = delimiter.utf8.first! }
      if let quote = settings["quote"] { dialect.quote = quote == "none" ? nil : quote.utf8.first! }
      if let header = settings["header"] { dialect.header = header == "none" ? .none : .names(header.split(separator: ",").map(String.init)) }
      dialect.null = settings["null"]
      return .csv(dialect)
    case .json: return .json(rows: settings["rows"].map { $0.split(separator: ".").map(String.init) } ?? [])
    case .text: return .text(settings["per"] == "file" ? .file : .line)
    default: return format
    }
  }

  /// The rows, and every error as people see it; what was read after an error in the order it was read.
  func answer() -> String {
    var out = ""
    let renderer = DiagnosticRenderer(color: false, width: 100)
    do throws(ReadError) {
      var locations: [Readers.SourceLocation]
      if settings["table"] != nil || settings["query"] != nil {
        let read = settings["table"].map { DatabaseRead.table($0) } ?? .query(settings["query"]!)
        locations = [Readers.SourceLocation(name: pattern, path: folder.path + "/" + pattern, content: .database(read))]
      } else {
        locations = try SourceListing.locations(of: pattern, root: folder.path)
      }
      for location in locations {
        let format = format(location)
        let reader = try RawChunkReader(location, format: format)
        var chunks: [RawChunk] = []
        var failure: ReadError?
        do throws(ReadError) { while let chunk = try reader.next() { chunks.append(chunk) } } catch { failure = error }
        for chunk in chunks.sorted(by: { RawChunkEntry.precedes($0.entry, $1.entry) }) {
          let parsed = RecordParser(context: chunk.entry.context).parse(chunk.bytes)
          out += String(decoding: parsed.bytes, as: UTF8.self)
          for bad in parsed.bad { out += renderer.render(bad.error(in: location.name(ofMember: chunk.entry.member), entry: chunk.entry).diagnostic) }
        }
        if let failure { throw failure }
      }
    } catch {
      out += renderer.render(error.diagnostic)
    }
    return out
  }
}
