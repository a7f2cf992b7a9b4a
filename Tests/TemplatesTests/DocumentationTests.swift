import Templates
import Testing

/// The examples of `Docs/Templates.md` render to what the page says.
@Suite struct DocumentationTests {
  @Test func examplesOfThePageAreTrue() throws {
    let root = String(#filePath.dropLast("Tests/TemplatesTests/DocumentationTests.swift".count))
    let page = String(decoding: SampleTests.read(root + "Docs/Templates.md"), as: UTF8.self)
    var blocks: [(kind: String, text: String)] = []
    var open: String?
    var lines: [Substring] = []
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        if let kind = open {
          blocks.append((kind, lines.joined(separator: "\n")))
          open = nil
        } else {
          open = String(line.dropFirst(3))
          lines = []
        }
      } else if open != nil {
        lines.append(line)
      }
    }
    var run = 0
    for i in blocks.indices where blocks[i].kind == "jinja" {
      try #require(i + 2 < blocks.count)
      let got: String
      do throws(TemplateError) {
        got = try Renderer().string(try Template(blocks[i].text, name: "example"), row: blocks[i + 1].text)
      } catch {
        #expect(blocks[i + 2].kind == "error")
        #expect(error.description == blocks[i + 2].text)
        run += 1
        continue
      }
      #expect(got == blocks[i + 2].text)
      run += 1
    }
    #expect(run >= 4)
  }
}
