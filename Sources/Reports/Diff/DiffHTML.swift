internal import Diagnostics
public import Lineage

/// A difference as a page of its own, which needs nothing else: the same model, words and order as text, Markdown and JSON.
public struct DiffHTML {
  private let model: DiffModel

  public init(_ model: DiffModel) { self.model = model }

  /// The page; at most ``RunPage/maximumBytes`` long, cut with counts.
  public func render() -> String {
    for limit in [4000, 1000, 250, 50] {
      let page = page(limit: limit)
      if page.utf8.count <= RunPage.maximumBytes || limit == 50 { return page }
    }
    preconditionFailure("the last limit is taken in any case")
  }

  private func page(limit: Int) -> String {
    let sides = "<p class=\"sides\"><code>\(HTMLText.escaped(DiffWords.side(model.before)))</code> → <code>\(HTMLText.escaped(DiffWords.side(model.after)))</code></p>\n"
    var again = ""
    if let commit = model.after.commit {
      again = "<p class=\"soft\">Again: <code>\(HTMLText.escaped("git checkout \(commit.prefix(12)) && pipe run \(model.manifest)"))</code></p>\n"
    }
    return PageFrame(
      title: model.name, subtitle: "differences",
      status: (Figures.count(model.changedRows, "row") + (model.changedRows == 1 ? " differs" : " differ"), model.changedRows > 0 ? "warn" : "good"),
      body: "<section aria-label=\"Differences\">\n" + sides + DiffSection(model: model, limit: limit, heading: 2).html + again + "</section>\n"
    ).html
  }
}
