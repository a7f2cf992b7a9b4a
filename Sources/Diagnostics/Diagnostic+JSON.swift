extension Diagnostic {
  /// `{"severity","code","message","file","line","column","endLine","endColumn","label","help","notes"}`; what is not known is left out.
  public var json: ReportJSON {
    let located = place.flatMap { $0.line > 0 ? $0 : nil }
    let others = notes.filter { $0.label != "help" }
    return .object([
      "severity": .string(severity.rawValue),
      "code": .string(id),
      "message": .string(message),
      "file": place.map { .string($0.path) },
      "line": located.map { .int($0.line) },
      "column": located.map { .int($0.column) },
      "endLine": located.map { .int($0.endLine) },
      "endColumn": located.map { .int($0.endColumn) },
      "label": label.isEmpty ? nil : .string(label),
      "help": help.map { .string($0) },
      "notes": others.isEmpty
        ? nil : .array(others.map { .object(["label": .string($0.label), "text": .string($0.text)]) }),
      "related": secondary.isEmpty
        ? nil
        : .array(
          secondary.map {
            .object([
              "file": .string($0.place.path), "line": .int($0.place.line), "column": .int($0.place.column), "label": .string($0.label),
            ])
          }),
    ])
  }
}

extension [Diagnostic] {
  /// What `--json` prints when something is wrong: `{"error": {first}, "diagnostics": [all]}`.
  ///
  /// `error` is there only when one of them is an error, so that a script can test for it.
  public var json: ReportJSON {
    .object([
      "error": first { $0.severity == .error }?.json,
      "diagnostics": .array(map(\.json)),
    ])
  }

  /// A SARIF 2.1.0 log with one run, as code scanning services read it.
  ///
  /// Paths are given as written; they are relative to the workspace root unless absolute.
  public func sarif(toolVersion: String) -> ReportJSON {
    var ruleIndex: [String: Int] = [:]
    var rules: [ReportJSON] = []
    for diagnostic in self where ruleIndex[diagnostic.id] == nil {
      ruleIndex[diagnostic.id] = rules.count
      rules.append(.object(["id": .string(diagnostic.id)]))
    }
    let results = map { diagnostic -> ReportJSON in
      var text = diagnostic.message
      if !diagnostic.label.isEmpty { text += ": " + diagnostic.label }
      for note in diagnostic.notes { text += "\n\(note.label): \(note.text)" }
      let related = diagnostic.secondary.map { sarifLocation($0.place, message: $0.label) }
      return .object([
        "ruleId": .string(diagnostic.id),
        "ruleIndex": .int(ruleIndex[diagnostic.id] ?? 0),
        "level": .string(diagnostic.severity.rawValue),
        "message": .object(["text": .string(text)]),
        "locations": .array(diagnostic.place.map { [sarifLocation($0, message: nil)] } ?? []),
        "relatedLocations": related.isEmpty ? nil : .array(related),
      ])
    }
    return .object([
      "$schema": .string("https://json.schemastore.org/sarif-2.1.0.json"),
      "version": .string("2.1.0"),
      "runs": .array([
        .object([
          "tool": .object([
            "driver": .object(["name": .string("pipe"), "version": .string(toolVersion), "rules": .array(rules)])
          ]),
          "columnKind": .string("unicodeCodePoints"),
          "results": .array(results),
        ])
      ]),
    ])
  }

  private func sarifLocation(_ place: Place, message: String?) -> ReportJSON {
    let region: ReportJSON? =
      place.line == 0
      ? nil
      : .object([
        "startLine": .int(place.line), "startColumn": .int(place.column), "endLine": .int(place.endLine),
        "endColumn": .int(place.endColumn),
      ])
    return .object([
      "physicalLocation": .object([
        "artifactLocation": .object(["uri": .string(sarifURI(place.path))]),
        "region": region,
      ]),
      "message": message.flatMap { $0.isEmpty ? nil : .object(["text": .string($0)]) },
    ])
  }

  private func sarifURI(_ path: String) -> String {
    let digits = [UInt8]("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
        out.append(byte)
      default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return (path.utf8.first == UInt8(ascii: "/") ? "file://" : "") + String(decoding: out, as: UTF8.self)
  }
}
