import Diagnostics
import Engine
import Foundation
import Lineage
import Reports
import Testing

/// One comment a reviewer can be shown, in all forms. `PIPE_UPDATE_GOLDEN=1 swift test --filter DiffTests` writes them anew.
@Suite struct DiffGoldenTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path

  @Test func theStoryInEveryForm() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editRows(workspace)
    try Story.editTemplate(workspace)
    try Story.editLabels(workspace)
    try Story.editParameter(workspace)
    try workspace.replace(GitWorkspace.manifest, "version: 1.0.0", "version: 1.0.1")
    try workspace.commit("all")
    var model = try workspace.session().diff("base..all", rows: 4)
    // Commits hold keys, which change with every version of a kind.
    model.before.commit = nil
    model.after.commit = nil
    try compare("story.txt", DiffText(model).render())
    try compare("story-stat.txt", DiffText(model, showsRows: false).render())
    try compare("story.md", DiffMarkdown(model).render())
    try compare("story.json", model.json.pretty)
    let page = DiffHTML(model).render()
    #expect(page == DiffHTML(model).render())
    let start = try #require(page.range(of: "<main id=\"main\">")).lowerBound
    let end = try #require(page.range(of: "<footer>")).lowerBound
    try compare("story.html", String(page[start..<end]))
  }

  @Test func aCommentIsNeverTooLong() throws {
    var model = DiffModel(manifest: "Manifests/case.yaml", name: "case", before: .init(title: "a", version: "1.0.0"), after: .init(title: "b", version: "1.0.0"))
    var output = DiffModel.Output(name: "dataset")
    output.edited = 5000
    for number in 0..<5000 {
      output.rows.append(
        .init(
          fate: .edited, key: "key-\(number)", before: number, after: number,
          fields: [.init(path: "text", before: String(repeating: "a|`", count: 100), after: String(repeating: "<script>", count: 50))], causes: [0]))
    }
    model.outputs = [output]
    model.causes = (0..<2000).map { number in
      var cause = DiffModel.Cause(bucket: .sourceEdited, subject: "Datasets/\(number).jsonl")
      cause.rows = 1
      return cause
    }
    let page = DiffHTML(model).render()
    #expect(page.utf8.count <= RunPage.maximumBytes)
    #expect(page.contains("more rows"))
    #expect(!page.contains("<script>aaa") && page.components(separatedBy: "<script").count == 2)
    let text = DiffMarkdown(model).render()
    #expect(text.utf16.count <= DiffMarkdown.maximumCharacters)
    #expect(text.contains("more lines, cut to fit a comment"))
    model.causes = Array(model.causes.prefix(1))
    let other = DiffMarkdown(model).render()
    #expect(other.utf16.count <= DiffMarkdown.maximumCharacters)
    #expect(other.utf16.count > 50_000)
    #expect(other.contains("more\n\n</details>"))
  }

  private func compare(_ name: String, _ text: String) throws {
    let path = Self.folder + "/" + name
    if ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1" {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let wanted = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "(there is no \(name))"
    #expect(text == wanted, "\(name) differs; PIPE_UPDATE_GOLDEN=1 writes it anew")
  }
}
