import Diagnostics
import Lineage
import Manifests
import Rows
import Store

/// What differs in what a stage is, its inputs left aside: fields, files, parameters, the program.
struct DefinitionDiff {
  /// One thing that differs.
  struct Change {
    var bucket: DiffModel.Bucket
    var subject: String
    var edits: [DiffModel.Edit]
    /// The field of the manifest that it belongs to; empty for the program.
    var field: String
    /// The message that it writes, when it writes one.
    var message: Int?
  }

  private(set) var changes: [Change] = []

  private struct Part {
    let value: String
    let path: String?
  }

  /// Compares a stage of two states.
  /// - Parameter parameters: those of the manifest that differ: name, before and after as JSON.
  init(_ old: StageRun, _ before: DiffSide, _ new: StageRun, _ after: DiffSide, parameters: [(name: String, before: String, after: String)]) {
    let oldParts = Self.parts(old, before)
    let newParts = Self.parts(new, after)
    let places = Self.messagePlaces(newParts)
    var names: [String] = []
    for name in newParts.map(\.name) + oldParts.map(\.name) where !names.contains(name) { names.append(name) }
    for name in names {
      let a = oldParts.filter { $0.name == name }.map(\.part)
      let b = newParts.filter { $0.name == name }.map(\.part)
      for index in 0..<max(a.count, b.count) {
        let was = index < a.count ? a[index] : nil
        let now = index < b.count ? b[index] : nil
        guard was?.value != now?.value else { continue }
        if name.hasPrefix("file ") {
          addFile(name, was, now, before, after, message: name == "file template" && index < places.count ? places[index] : nil)
        } else if name == "kind" || name.hasPrefix("component ") {
          let subject = name == "kind" ? "kind `\(new.stage.kindName)`" : "component `\(name.dropFirst(10))`"
          add(.program, subject, field: "", .init(file: "", line: 0, name: "version", before: version(was?.value), after: version(now?.value)))
        } else {
          addField(name, was?.value, now?.value, new, after, parameters)
        }
      }
    }
  }

  private func version(_ text: String?) -> String? { text.map { String($0.split(separator: "/").last ?? "") } }

  private mutating func add(_ bucket: DiffModel.Bucket, _ subject: String, field: String, message: Int? = nil, _ edit: DiffModel.Edit) {
    if let known = changes.firstIndex(where: { $0.bucket == bucket && $0.subject == subject && $0.message == message }) {
      if !changes[known].edits.contains(edit) { changes[known].edits.append(edit) }
    } else {
      changes.append(Change(bucket: bucket, subject: subject, edits: [edit], field: field, message: message))
    }
  }

  // MARK: files

  private mutating func addFile(_ name: String, _ was: Part?, _ now: Part?, _ before: DiffSide, _ after: DiffSide, message: Int?) {
    let path = now?.path ?? was?.path ?? String(name.dropFirst(5))
    let role = String(name.dropFirst(5))
    let isTemplate = role == "template" || role.hasPrefix("template ") || role == "prompt template"
    let bucket: DiffModel.Bucket = isTemplate ? .template : .definition
    guard let old = was.flatMap({ Self.text($0, before) }), let new = now.flatMap({ Self.text($0, after) }) else {
      // The text of one side is not to be had, or no file: what is known are the digests.
      let edit = DiffModel.Edit(file: path, line: 0, name: role, before: was.map { Self.short($0.value) }, after: now.map { Self.short($0.value) })
      return add(bucket, path, field: "template", message: message, edit)
    }
    for hunk in LineDiff.hunks(old, new) {
      let edit = DiffModel.Edit(
        file: path, line: hunk.newLine, before: hunk.removed.isEmpty ? nil : hunk.removed.joined(separator: "\n"),
        after: hunk.added.isEmpty ? nil : hunk.added.joined(separator: "\n"))
      add(bucket, path, field: "template", message: message, edit)
    }
  }

  private static func short(_ value: String) -> String { value.hasPrefix("sha256:") ? String(value.prefix(19)) : value }

  /// The text of a file as it was when the stage was run; nil when there is another one now.
  private static func text(_ part: Part, _ side: DiffSide) -> String? {
    guard let path = part.path, case .success(let bytes) = side.session.load(path), Digest.of(bytes).description == part.value else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: fields

  private mutating func addField(
    _ name: String, _ was: String?, _ now: String?, _ run: StageRun, _ after: DiffSide, _ parameters: [(name: String, before: String, after: String)]
  ) {
    let field = name.hasPrefix("field ") ? String(name.dropFirst(6)) : name
    if let was, let now, let used = Self.parameters(parameters, from: was, to: now) {
      for parameter in used {
        let line = after.session.line(of: parameter.name, from: 1)
        add(
          .parameter, parameter.name, field: field,
          .init(file: after.session.pipeline.path, line: line, name: parameter.name, before: parameter.before, after: parameter.after))
      }
      return
    }
    let subject = "`\(field)` of `\(run.stage.displayName)`"
    let file = run.stage.range?.path ?? after.session.pipeline.path
    let line = after.session.line(of: field, from: run.stage.range?.line ?? 1)
    if let was, let now, !(was + now).contains("__operand_") {
      let changes = FieldDiff.changes(Array(was.utf8), Array(now.utf8))
      if !changes.isEmpty {
        for change in changes {
          let path = field + change.path
          let message = field == "messages" ? Self.index(change.path) : nil
          add(
            message == nil ? .definition : .template, message == nil ? subject : "`\(path)` of `\(run.stage.displayName)`", field: field, message: message,
            .init(file: file, line: line, name: path, before: change.before, after: change.after))
        }
        return
      }
    }
    add(.definition, subject, field: field, .init(file: file, line: line, name: field, before: was, after: now))
  }

  /// `[2].content` → 2
  static func index(_ path: String) -> Int? {
    guard path.hasPrefix("["), let end = path.firstIndex(of: "]") else { return nil }
    return Int(path[path.index(after: path.startIndex)..<end])
  }

  /// The parameters that make one value of the other; nil when something else differs, too.
  private static func parameters(
    _ all: [(name: String, before: String, after: String)], from was: String, to now: String
  ) -> [(name: String, before: String, after: String)]? {
    var text = was
    var used: [(name: String, before: String, after: String)] = []
    for parameter in all {
      for (old, new) in [(parameter.before, parameter.after), (inner(parameter.before), inner(parameter.after))] where !old.isEmpty && text.contains(old) {
        text = text.replacing(old, with: new)
        used.append(parameter)
        break
      }
      if text == now { return used }
    }
    return nil
  }

  private static func inner(_ json: String) -> String { json.hasPrefix("\"") && json.count >= 2 ? String(json.dropFirst().dropLast()) : json }

  // MARK: parts

  private static func parts(_ run: StageRun, _ side: DiffSide) -> [(name: String, part: Part)] {
    let image = run.preImage ?? side.scheduler.basePreImage(run)
    var paths: [String: [String?]] = [:]
    for (file, path) in zip(run.stage.keyFiles, run.stage.keyFilePaths) { paths["file " + file.role, default: []].append(path) }
    var met: [String: Int] = [:]
    var found: [(name: String, part: Part)] = []
    for part in image.parts where !part.name.hasPrefix("input ") {
      let place = met[part.name, default: 0]
      met[part.name] = place + 1
      found.append((part.name, Part(value: part.value, path: paths[part.name].flatMap { place < $0.count ? $0[place] : nil })))
    }
    return found
  }

  /// For each template file in the order in which they are in the key, the message that it writes.
  private static func messagePlaces(_ parts: [(name: String, part: Part)]) -> [Int] {
    guard let messages = parts.first(where: { $0.name == "field messages" })?.part.value, !messages.contains("__operand_") else { return [] }
    return FieldDiff.items(Array(messages.utf8)).enumerated().compactMap { index, item in
      FieldDiff.members(item).contains { $0.0 == "content" || $0.0 == "tool_calls" } ? nil : index
    }
  }

  // MARK: what matters for a row

  /// The changes that can have edited these fields of a row; when none can, all of them where nothing else explains the row.
  func relevant(to paths: [String], isOnlyCause: Bool) -> [Change] {
    let fitting = changes.filter { change in
      if ["where", "expect", "gate", "sample"].contains(change.field) { return false }
      guard let message = change.message else { return true }
      return paths.contains { $0 == "messages" || $0.hasPrefix("messages[\(message)]") }
    }
    return fitting.isEmpty && isOnlyCause ? changes : fitting
  }

  /// The changes that can have made a stage leave a row out, or take it in, for this reason.
  func relevant(toDropFor reason: String?) -> [Change] {
    guard let word = reason?.split(separator: " ").first.map(String.init) else { return changes }
    let fields = word == "too_long" ? ["limits"] : [word]
    let fitting = changes.filter { fields.contains($0.field) }
    return fitting.isEmpty ? changes : fitting
  }
}

extension Session {
  /// A file of the state that the session looks at.
  func load(_ path: String) -> Result<[UInt8], ManifestReader.LoadFailure> { tree?.load(path) ?? workspace.load(path) }

  /// The first line of the manifest, from one on, that begins with a name and a colon; the first itself when there is none.
  func line(of name: String, from first: Int) -> Int {
    guard case .success(let bytes) = load(pipeline.path) else { return first }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated().dropFirst(first - 1) {
      let text = line.drop { $0 == " " || $0 == "-" || $0 == "{" }
      if text.hasPrefix(name + ":") { return index + 1 }
      // In flow style several fields stand on one line.
      if line.contains(" \(name): ") || line.contains("{\(name): ") { return index + 1 }
    }
    return first
  }
}
