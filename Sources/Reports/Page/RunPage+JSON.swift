internal import Diagnostics
internal import Lineage

extension RunPage {
  /// What the page's script shows: stages in full, rows and where they came from, names for the search.
  func json(_ room: PageRoom) -> ReportJSON {
    let shown = min(nodes.count, room.nodes)
    return .object([
      "manifest": .string(manifest), "name": .string(name), "run": .string(run.id), "stages": .array(stages.map { $0.json(room, shown) }),
      "nodes": .array(nodes.prefix(shown).map { $0.json(room, shown) }), "nodes_left": nodes.count > shown ? .int(nodes.count - shown) : nil,
      "names": .array(nameLists(room)),
    ])
  }

  /// Outputs share the room for names: none takes what another would need, a small one leaves its rest.
  private func nameLists(_ room: PageRoom) -> [ReportJSON] {
    var left = room.names
    var lists: [Int: Int] = [:]
    for (place, index) in names.indices.sorted(by: { (names[$0].names.count, $0) < (names[$1].names.count, $1) }).enumerated() {
      let share = min(names[index].names.count, left / (names.count - place))
      lists[index] = share
      left -= share
    }
    return names.indices.map { index in
      let one = names[index]
      return .object([
        "stage": .int(one.stage), "port": .string(one.port), "file": one.file.map { .string($0) }, "header": .int(one.header), "of": .int(one.total),
        "names": .strings(one.names.prefix(lists[index]!).map { DisplayWidth.printableLine(PageRoom.cut($0, to: 80)) }),
      ])
    }
  }
}

extension RunPage.Stage {
  func json(_ room: PageRoom, _ nodes: Int) -> ReportJSON {
    func list(_ items: [ReportJSON]) -> ReportJSON? { items.isEmpty ? nil : .array(items) }
    func texts(_ items: [String]) -> ReportJSON? { list(items.map { .string(DisplayWidth.printable($0)) }) }
    func text(_ text: String?) -> ReportJSON? { text.flatMap { $0.isEmpty ? nil : .string(DisplayWidth.printable($0)) } }
    return .object([
      "name": .string(name), "kind": .string(kind), "status": .string(status.rawValue), "why": text(why), "file": isFile ? .bool(true) : nil, "desc": text(desc),
      "tags": texts(tags), "key": text(key),
      "changes": list(
        changes.map { change in
          .object([
            "label": text(change.label), "before": text(change.before.map { PageRoom.cut($0, to: 400) }), "after": text(change.after.map { PageRoom.cut($0, to: 400) }),
          ])
        }), "tasks": .array([.int(tasks.total), .int(tasks.ran), .int(tasks.cached)]), "time": .string(Figures.seconds(Double(microseconds) / 1_000_000)),
      "in": rowsIn.map { .int($0) }, "out": rowsOut.map { .int($0) },
      "drops": list(drops.map { .object(["reason": text($0.reason), "rows": .int($0.rows), "samples": list($0.samples.filter { $0 < nodes }.map { .int($0) })]) }),
      "facts": list(facts.map { .array([.string(DisplayWidth.printableLine($0.name)), .string(DisplayWidth.printableLine($0.value))]) }),
      "checks": list(
        checks.map { check in
          let (sign, tone, word) = RunSections.sign(check)
          return .object(["sign": .string(sign), "tone": .string(tone), "word": .string(word), "text": text(check.expression), "value": text(check.value)])
        }),
      "inputs": list(
        inputs.map { input in
          .object([
            "port": text(input.port), "stage": input.stage.map { .int($0) }, "output": text(input.output),
            "files": texts(Array(input.files.prefix(50))), "more": input.files.count > 50 ? .int(input.files.count - 50) : nil,
          ])
        }), "outputs": list(outputs.map { $0.json(nodes) }), "failure": text(failure),
      "excerpt": excerpt.map { .object(["file": text($0.file), "line": .int($0.line), "text": text(PageRoom.cut($0.text, to: room.template))]) },
      "templates": list(templates.map { .object(["file": text($0.file), "text": text(PageRoom.cut($0.text, to: room.template))]) }),
      "stale": isAsRead ? nil : .bool(true),
    ])
  }
}

extension RunPage.Output {
  func json(_ nodes: Int) -> ReportJSON {
    .object([
      "port": .string(port), "rows": rows.map { .int($0) }, "bytes": bytes.map { .string(Figures.bytes($0)) }, "content": .string(content),
      "files": files.isEmpty
        ? nil
        : .array(
          files.map { file in
            .object([
              "path": .string(DisplayWidth.printableLine(file.path)), "sha256": .string(file.sha256), "rows": file.rows.map { .int($0) },
              "bytes": .string(Figures.bytes(file.bytes)),
            ])
          }), "samples": samples.isEmpty ? nil : .array(samples.filter { $0 < nodes }.map { .int($0) }),
    ])
  }
}

extension RunPage.Node {
  func json(_ room: PageRoom, _ nodes: Int) -> ReportJSON {
    func places(_ list: [Int]) -> ReportJSON? { list.isEmpty ? nil : .array(list.filter { $0 < nodes }.map { .int($0) }) }
    let gone = (parents + sides).count { $0 >= nodes }
    let own: [ReportJSON.Member] =
      switch place {
      case .row(let stage, let port, let row): [.init("s", .int(stage)), .init("p", .string(port)), .init("r", .int(row))]
      case .line(let file, let line): [.init("f", .string(DisplayWidth.printableLine(file))), .init("r", .int(line))]
      }
    var members = own
    if !label.isEmpty { members.append(.init("k", .string(DisplayWidth.printableLine(label)))) }
    if fields.isEmpty {
      members.append(.init("t", .string(PageRoom.shown(text, to: room.value))))
    } else {
      members.append(.init("v", .array(fields.map { .array([.string(DisplayWidth.printableLine($0.name)), .string(PageRoom.shown($0.value, to: room.value))]) })))
    }
    if let parents = places(parents) { members.append(.init("u", parents)) }
    if let sides = places(sides) { members.append(.init("l", sides)) }
    if left + gone > 0 { members.append(.init("x", .int(left + gone))) }
    return .object(members)
  }
}
