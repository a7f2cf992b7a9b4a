internal import Rows

/// How a stage's record is written: snake-case fields in a fixed order, nothing for what is nil or empty, digests as hexadecimal digits.
extension StageRecord {
  var json: JSON {
    func list<Item>(_ items: [Item], _ json: (Item) -> JSON) -> JSON? { items.isEmpty ? nil : .array(items.map(json)) }
    return .fields([
      ("name", .string(name)), ("kind", .string(kind)), ("case", caseLabel.map(JSON.string)), ("key", key.map { .string($0.hex) }),
      ("status", .string(status.rawValue)), ("reason", .object([("code", .string(reason.code)), ("text", .string(reason.text))])),
      ("tasks", .object([("total", .number(tasksTotal)), ("ran", .number(tasksRan)), ("cached", .number(tasksCached))])),
      ("rows_in", rowsIn.map { .number($0) }), ("rows_out", rowsOut.map { .number($0) }),
      ("dropped", list(dropped) { .object([("reason", .string($0.reason)), ("rows", .number($0.rows))]) }),
      ("facts", list(facts) { .object([("name", .string($0.name)), ("value", $0.value.json)]) }),
      ("duration_us", .number(durationMicroseconds)), ("started_at", startedAt.map { .number($0) }),
      ("finished_at", finishedAt.map { .number($0) }), ("inputs", list(inputs, \.json)), ("outputs", list(outputs, \.json)),
      ("checks", list(checks, \.json)), ("failure", failure.map(JSON.string)),
    ])
  }

  init?(json: JSON) {
    guard let name = json["name"]?.text, let kind = json["kind"]?.text, let status = json["status"]?.text.flatMap(Status.init(rawValue:)),
      let code = json["reason"]?["code"]?.text, let text = json["reason"]?["text"]?.text
    else { return nil }
    // A list with one unreadable item is unreadable: half a lineage would look whole.
    func list<Item>(_ field: String, _ item: (JSON) -> Item?) -> [Item]? {
      guard let items = json[field] else { return [] }
      var out: [Item] = []
      for json in items.items ?? [] {
        guard let item = item(json) else { return nil }
        out.append(item)
      }
      return out
    }
    guard
      let dropped = list(
        "dropped",
        { item -> Drop? in
          guard let reason = item["reason"]?.text, let rows = item["rows"]?.int else { return nil }
          return Drop(reason: reason, rows: rows)
        }),
      let facts = list(
        "facts",
        { item -> Fact? in
          guard let name = item["name"]?.text, let value = item["value"].flatMap(FactValue.init(json:)) else { return nil }
          return Fact(name: name, value: value)
        }), let inputs = list("inputs", Input.init(json:)), let outputs = list("outputs", Output.init(json:)),
      let checks = list("checks", Check.init(json:))
    else { return nil }
    self.init(
      name: name, kind: kind, caseLabel: json["case"]?.text, key: json["key"]?.digest, status: status,
      reason: Reason(code: code, text: text),
      tasksTotal: json["tasks"]?["total"]?.int ?? 0, tasksRan: json["tasks"]?["ran"]?.int ?? 0,
      tasksCached: json["tasks"]?["cached"]?.int ?? 0,
      rowsIn: json["rows_in"]?.int, rowsOut: json["rows_out"]?.int, dropped: dropped, facts: facts,
      durationMicroseconds: json["duration_us"]?.int64 ?? 0, inputs: inputs, outputs: outputs, checks: checks, failure: json["failure"]?.text)
    startedAt = json["started_at"]?.int64
    finishedAt = json["finished_at"]?.int64
  }
}

extension JSON {
  var digest: Digest? { text.flatMap { Digest(hex: $0) } }
}

extension StageRecord.FactValue {
  var json: JSON {
    switch self {
    case .integer(let value): .number(value)
    // Swift prints the shortest text that reads back, with a point or an exponent, which tells it from an integer.
    case .real(let value): value.isFinite ? .number("\(value)") : .string("\(value)")
    case .text(let text): .string(text)
    case .boolean(let value): .boolean(value)
    }
  }

  init?(json: JSON) {
    switch json {
    case .number(let text):
      if let value = Int64(text) {
        self = .integer(value)
      } else if let value = Double(text) {
        self = .real(value)
      } else {
        return nil
      }
    case .string(let text): self = .text(text)
    case .boolean(let value): self = .boolean(value)
    case .null, .array, .object: return nil
    }
  }
}

extension StageRecord.Input {
  var json: JSON {
    switch origin {
    case .sources(let paths):
      .object([("port", .string(port)), ("sources", .array(paths.map(JSON.string))), ("content", .string(content.hex))])
    case .stage(let name, let caseLabel, let from):
      .fields([
        ("port", .string(port)), ("stage", .string(name)), ("case", caseLabel.map(JSON.string)), ("from", .string(from)),
        ("content", .string(content.hex)),
      ])
    }
  }

  init?(json: JSON) {
    guard let port = json["port"]?.text, let content = json["content"]?.digest else { return nil }
    if let sources = json["sources"]?.items {
      let paths = sources.compactMap(\.text)
      guard paths.count == sources.count else { return nil }
      self.init(port: port, origin: .sources(paths), content: content)
    } else {
      guard let stage = json["stage"]?.text, let from = json["from"]?.text else { return nil }
      self.init(port: port, origin: .stage(stage, caseLabel: json["case"]?.text, port: from), content: content)
    }
  }
}

extension StageRecord.Output {
  var json: JSON {
    .fields([
      ("port", .string(port)), ("content", .string(content.hex)), ("lineage", lineage.map { .string($0.hex) }),
      ("rows", rows.map { .number($0) }), ("bytes", bytes.map { .number($0) }),
      ("files", files.isEmpty ? nil : .array(files.map(\.json))),
    ])
  }

  init?(json: JSON) {
    guard let port = json["port"]?.text, let content = json["content"]?.digest else { return nil }
    let items = json["files"]?.items ?? []
    let files = items.compactMap(StageRecord.PublishedFile.init(json:))
    guard files.count == items.count else { return nil }
    self.init(
      port: port, content: content, lineage: json["lineage"]?.digest, rows: json["rows"]?.int, bytes: json["bytes"]?.int, files: files)
  }
}

extension StageRecord.PublishedFile {
  var json: JSON {
    .fields([("path", .string(path)), ("sha256", .string(digest.hex)), ("rows", rows.map { .number($0) }), ("bytes", .number(bytes))])
  }

  init?(json: JSON) {
    guard let path = json["path"]?.text, let digest = json["sha256"]?.digest, let bytes = json["bytes"]?.int else { return nil }
    self.init(path: path, digest: digest, rows: json["rows"]?.int, bytes: bytes)
  }
}

extension StageRecord.Check {
  var json: JSON {
    .object([
      ("expression", .string(expression)), ("severity", .string(severity.rawValue)), ("verdict", .string(verdict.rawValue)),
      ("value", .string(value)),
    ])
  }

  init?(json: JSON) {
    guard let expression = json["expression"]?.text, let severity = json["severity"]?.text.flatMap(Severity.init(rawValue:)),
      let verdict = json["verdict"]?.text.flatMap(Verdict.init(rawValue:)), let value = json["value"]?.text
    else { return nil }
    self.init(expression: expression, severity: severity, verdict: verdict, value: value)
  }
}
