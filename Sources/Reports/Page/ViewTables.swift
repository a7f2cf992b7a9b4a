internal import Diagnostics

extension ConfusionView {
  /// Shaded by share of the row; the diagonal is what agrees.
  func html(_ title: String) -> String {
    let share = total > 0 ? Double(agreed) / Double(total) : 0
    var out = "<h3>\(title) <small>\(HTMLText.escaped(side)) against \(HTMLText.escaped(top))</small></h3>\n"
    out += "<p class=\"soft\">\(Figures.count(agreed)) of \(Figures.count(total)) on the diagonal (\(MonitorView.percent(share)))"
    if let sampled, sampled.rows < sampled.of { out += "; of \(Figures.count(sampled.rows)) rows, evenly spread over \(Figures.count(sampled.of))" }
    if leftClasses > 0 { out += "; \(Figures.count(leftClasses, "rarer class", "rarer classes")) not shown" }
    out +=
      "</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion\"><table class=\"confusion\">\n<thead><tr><th scope=\"col\"><small>\(HTMLText.escaped(side)) ↓ \(HTMLText.escaped(top)) →</small></th>"
    for name in classes { out += "<th scope=\"col\">\(HTMLText.escaped(PageRoom.cut(name, to: 40)))</th>" }
    out += "<th scope=\"col\" class=\"num\">sum</th></tr></thead>\n<tbody>\n"
    for (row, name) in classes.enumerated() {
      let sum = counts[row].reduce(0, +)
      out += "<tr><th scope=\"row\">\(HTMLText.escaped(PageRoom.cut(name, to: 40)))</th>"
      for (column, count) in counts[row].enumerated() {
        let shade = sum > 0 ? HTMLText.number(Double(count) / Double(sum) * 55) : "0"
        out += "<td class=\"\(row == column ? "same" : "other")\" style=\"--p:\(shade)%\">\(count == 0 ? "<span class=\"soft\">0</span>" : Figures.count(count))</td>"
      }
      out += "<td class=\"num\">\(Figures.count(sum))</td></tr>\n"
    }
    return out + "</tbody></table></div>\n"
  }
}

extension AnnotatorsView {
  func html(_ title: String) -> String {
    var out = "<h3>\(title) <small>annotators</small></h3>\n"
    if !figures.isEmpty {
      out +=
        "<p>Agreement: "
        + figures.map { "\(HTMLText.escaped($0.name)) <b>\(Double($0.value).map { Figures.decimal($0, digits: 3) } ?? HTMLText.escaped($0.value))</b>" }.joined(
          separator: ", ") + "</p>\n"
    }
    out +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Annotators\"><table>\n<thead><tr><th scope=\"col\">annotator</th><th scope=\"col\" class=\"num\">votes</th><th scope=\"col\" class=\"num\">became the label</th><th scope=\"col\" class=\"wide\"></th><th scope=\"col\" class=\"num\">estimated accuracy</th></tr></thead>\n<tbody>\n"
    for one in annotators {
      out +=
        "<tr><th scope=\"row\">\(HTMLText.escaped(one.name))\(one.isExcluded ? " <small>left out</small>" : "")</th><td class=\"num\">\(Figures.count(one.votes))</td>"
      out += "<td class=\"num\">\(one.agreement.map(MonitorView.percent) ?? "–")</td><td class=\"wide\">"
      if let agreement = one.agreement {
        out += "<div class=\"bar-track\" aria-hidden=\"true\"><i class=\"kept\" style=\"width:\(HTMLText.number(agreement * 100))%\"></i></div>"
      }
      out += "</td><td class=\"num\">\(one.accuracy.map(MonitorView.percent) ?? "–")</td></tr>\n"
    }
    out += "</tbody></table></div>\n"
    if total > annotators.count { out += "<p class=\"soft\">… and \(Figures.count(total - annotators.count, "more annotator"))</p>\n" }
    return out
  }
}

extension SplitView {
  private static let maximumClasses = 40

  var html: String {
    let rows = sides.reduce(0) { $0 + $1.rows }
    var out = "<h3>\(HTMLText.escaped(stage))\(column.map { " <small>by \(HTMLText.escaped($0))</small>" } ?? "")</h3>\n"
    out += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Split\"><table class=\"split\">\n<thead><tr><th scope=\"col\"></th>"
    for side in sides {
      out += "<th scope=\"col\" class=\"num\">\(HTMLText.escaped(side.name))</th><th scope=\"col\" class=\"share\"><span class=\"hidden\">share</span></th>"
    }
    out += "</tr></thead>\n<tbody>\n<tr class=\"sum\"><th scope=\"row\">rows</th>"
    for side in sides { out += cell(side.rows, of: rows) }
    out += "</tr>\n"
    let classes = classes
    for name in classes.prefix(Self.maximumClasses) {
      out += "<tr><th scope=\"row\">\(HTMLText.escaped(PageRoom.cut(name, to: 60)))</th>"
      for side in sides { out += cell(side.labels.first { $0.text == name }?.count ?? 0, of: side.counted) }
      out += "</tr>\n"
    }
    out += "</tbody></table></div>\n"
    if classes.count > Self.maximumClasses {
      out += "<p class=\"soft\">… and \(Figures.count(classes.count - Self.maximumClasses, "rarer class", "rarer classes"))</p>\n"
    }
    if let side = sides.first(where: { $0.counted > 0 && $0.counted < $0.rows }) {
      out +=
        "<p class=\"soft\">Labels are counted over rows that are evenly spread: \(Figures.count(side.counted)) of \(Figures.count(side.rows)) of \(HTMLText.escaped(side.name)).</p>\n"
    }
    if sides.count > 1, let distance {
      out += "<p class=\"soft\">Between the sides at most \(MonitorView.percent(distance)) of the rows would have to change their label for equal shares.</p>\n"
    }
    return out
  }

  private func cell(_ count: Int, of total: Int) -> String {
    let share = total > 0 ? Double(count) / Double(total) : 0
    return
      "<td class=\"num\">\(Figures.count(count))</td><td class=\"share\"><span class=\"bar-track\" aria-hidden=\"true\"><i class=\"kept\" style=\"width:\(HTMLText.number(share * 100))%\"></i></span>\(MonitorView.percent(share))</td>"
  }

  /// The largest total variation distance between the label shares of two sides; nil where a side has no labels.
  var distance: Double? {
    let counted = sides.filter { $0.counted > 0 }
    guard counted.count == sides.count, !classes.isEmpty else { return nil }
    var largest = 0.0
    for (index, a) in counted.enumerated() {
      for b in counted.dropFirst(index + 1) {
        var sum = 0.0
        for name in classes {
          func share(_ side: Side) -> Double { Double(side.labels.first { $0.text == name }?.count ?? 0) / Double(side.counted) }
          sum += (share(a) - share(b)).magnitude
        }
        largest = max(largest, sum / 2)
      }
    }
    return largest
  }
}

extension ScoresView {
  private static let maximumRows = 40

  func html(_ title: String) -> String {
    var out = "<h3>\(title)</h3>\n<dl class=\"tiles\">\n"
    for score in scores {
      var detail = ""
      if let baseline = score.baseline { detail = "baseline \(Self.fixed(baseline))" }
      if let difference = score.difference {
        detail += ", \(difference.value < 0 ? "−" : "+")\(Self.fixed(difference.value.magnitude)) [\(Self.signed(difference.low)), \(Self.signed(difference.high))]"
      }
      out += "<div class=\"tile\"><dt>\(HTMLText.escaped(score.name))</dt><dd>\(Self.fixed(score.value))<small>\(detail)</small></dd></div>\n"
    }
    out += "</dl>\n"
    if !classes.isEmpty {
      out +=
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Classes\"><table>\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\" class=\"num\">precision</th><th scope=\"col\" class=\"num\">recall</th><th scope=\"col\" class=\"num\">f1</th><th scope=\"col\" class=\"wide\"></th><th scope=\"col\" class=\"num\">rows</th></tr></thead>\n<tbody>\n"
      for one in classes.prefix(Self.maximumRows) {
        func cell(_ value: Double?) -> String { "<td class=\"num\">\(value.map(Self.fixed) ?? "–")</td>" }
        out +=
          "<tr><th scope=\"row\">\(HTMLText.escaped(PageRoom.cut(one.name, to: 60)))</th>\(cell(one.precision))\(cell(one.recall))\(cell(one.f1))<td class=\"wide\"><div class=\"bar-track\" aria-hidden=\"true\"><i class=\"kept\" style=\"width:\(HTMLText.number((one.f1 ?? 0) * 100))%\"></i></div></td><td class=\"num\">\(one.support.map { Figures.count($0) } ?? "–")</td></tr>\n"
      }
      out += "</tbody></table></div>\n"
      if classes.count > Self.maximumRows { out += "<p class=\"soft\">… and \(Figures.count(classes.count - Self.maximumRows, "more class", "more classes"))</p>\n" }
    }
    if !slices.isEmpty {
      let names = slices[0].values.map(\.name)
      out +=
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Slices\"><table>\n<thead><tr><th scope=\"col\">slice</th>"
        + names.map { "<th scope=\"col\" class=\"num\">\(HTMLText.escaped($0))</th>" }.joined() + "</tr></thead>\n<tbody>\n"
      for slice in slices.prefix(Self.maximumRows) {
        out +=
          "<tr><th scope=\"row\">\(HTMLText.escaped(PageRoom.cut(slice.slice, to: 60)))</th>"
          + slice.values.map { "<td class=\"num\">\(Self.fixed($0.value))</td>" }.joined() + "</tr>\n"
      }
      out += "</tbody></table></div>\n"
      if slices.count > Self.maximumRows { out += "<p class=\"soft\">… and \(Figures.count(slices.count - Self.maximumRows, "more slice"))</p>\n" }
    }
    return out
  }

  private static func fixed(_ value: Double) -> String { (value < 0 ? "−" : "") + Figures.decimal(value.magnitude, digits: 3) }
  private static func signed(_ value: Double) -> String { (value < 0 ? "−" : "+") + Figures.decimal(value.magnitude, digits: 3) }
}
