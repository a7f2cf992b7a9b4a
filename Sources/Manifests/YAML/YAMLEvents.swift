internal import CYAML
internal import Diagnostics

/// Where and why libyaml stopped; offsets are bytes of the file.
struct YAMLFailure {
  var problem: String
  var context: String
  var offset: Int
  var contextOffset: Int?
}

/// Builds nodes from libyaml's events.
///
/// Events rather than libyaml's documents: they carry start and end marks, and they do not read an alias bomb into memory.
struct YAMLBuilder {
  /// Deeper than anybody writes, and no recursion over nodes can get into trouble.
  static let depthLimit = 64
  /// A 10,000-stage manifest has 200,000 nodes; an alias bomb has billions.
  static let weightLimit: UInt32 = 4_000_000

  let text: SourceText
  var records: [NodeRecord] = []
  var links: [Int32] = []
  var diagnostics: [Diagnostic] = []
  var rootIndex: Int32 = -1

  private var anchors: [String: Int32] = [:]
  private var frames: [Frame] = []
  private var pending: [Int32] = []
  private var marks: MarkCursor
  private var stopped = false
  let poisoned: [Range<Int>]

  private struct Frame {
    var index: Int32
    var pendingStart: Int
    var anchor: String?
  }

  init(text: SourceText, poisoned: [Range<Int>]) {
    self.text = text
    self.poisoned = poisoned
    let base = text.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    self.marks = MarkCursor(isASCII: text.bytes.allSatisfy { $0 < 0x80 }, base: base)
  }

  /// Reads `input` (the file's bytes, or the same with some of them masked). Nil when the end was reached.
  mutating func build(_ input: [UInt8]) -> YAMLFailure? {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else { preconditionFailure("libyaml could not allocate its parser") }
    defer { yaml_parser_delete(&parser) }
    records.reserveCapacity(input.count / 10)
    return input.withUnsafeBufferPointer { bytes -> YAMLFailure? in
      let base = marks.base
      yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
      yaml_parser_set_input_string(&parser, bytes.baseAddress.map { $0 + base }, bytes.count - base)
      var event = yaml_event_t()
      while true {
        guard yaml_parser_parse(&parser, &event) == 1 else { return failure(parser, bytes) }
        let isEnd = event.type == YAML_STREAM_END_EVENT
        take(&event, bytes)
        yaml_event_delete(&event)
        if isEnd || stopped { return nil }
      }
    }
  }

  private mutating func failure(_ parser: yaml_parser_t, _ bytes: UnsafeBufferPointer<UInt8>) -> YAMLFailure {
    let problem = parser.problem.map { String(cString: $0) } ?? "unknown problem"
    let context = parser.context.map { String(cString: $0) } ?? ""
    if parser.error == YAML_READER_ERROR {
      return YAMLFailure(problem: problem, context: context, offset: marks.base + Int(parser.problem_offset), contextOffset: nil)
    }
    let offset = marks.byte(parser.problem_mark, bytes)
    let contextOffset = parser.context == nil ? nil : marks.byte(parser.context_mark, bytes)
    return YAMLFailure(problem: problem, context: context, offset: offset, contextOffset: contextOffset)
  }

  private mutating func take(_ event: inout yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>) {
    switch event.type {
    case YAML_DOCUMENT_START_EVENT:
      if rootIndex >= 0 {
        let start = marks.byte(event.start_mark, bytes)
        diagnostics.append(
          Diagnostic(
            id: "yaml-documents", "a second document begins here; a file holds one", at: text.range(start..<start + 3),
            help: "put it into a file of its own, or remove the `---`"))
        stopped = true
      }
    case YAML_SCALAR_EVENT: scalar(event, bytes)
    case YAML_ALIAS_EVENT: alias(event, bytes)
    case YAML_SEQUENCE_START_EVENT:
      let data = event.data.sequence_start
      open(.sequence, isFlow: data.style == YAML_FLOW_SEQUENCE_STYLE, anchor: data.anchor, tag: data.tag, event, bytes)
    case YAML_MAPPING_START_EVENT:
      let data = event.data.mapping_start
      open(.mapping, isFlow: data.style == YAML_FLOW_MAPPING_STYLE, anchor: data.anchor, tag: data.tag, event, bytes)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: close(event, bytes)
    default: break
    }
  }

  private mutating func scalar(_ event: yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>) {
    let data = event.data.scalar
    var start = marks.byte(event.start_mark, bytes)
    var end = marks.byte(event.end_mark, bytes)
    if data.anchor != nil || data.tag != nil { start = skipProperties(from: start, to: end, bytes) }
    let value = UnsafeBufferPointer(start: data.value, count: data.length)
    let style: Node.Style
    switch data.style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: style = .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: style = .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: style = .literal
    case YAML_FOLDED_SCALAR_STYLE: style = .folded
    default: style = .plain
    }
    if style == .literal || style == .folded {
      // libyaml's end mark is the start of the next token's line.
      while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
    }
    var kind = style == .plain ? CoreSchema.kind(of: value) : .string
    let scalar = String(decoding: value, as: UTF8.self)
    var isPoisoned = false
    if let tag = data.tag { (kind, isPoisoned) = tagged(String(cString: tag), scalar, kind, event, bytes) }
    if style == .plain, kind != .null { remarkYAML11(scalar, kind, start..<end) }
    add(
      NodeRecord(shape: .scalar, style: style, scalarKind: kind, start: UInt32(start), end: UInt32(end), scalar: scalar, isPoisoned: isPoisoned),
      anchor: data.anchor)
  }

  private mutating func alias(_ event: yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>) {
    let name = String(cString: event.data.alias.anchor)
    let start = marks.byte(event.start_mark, bytes)
    let range = text.range(start..<marks.byte(event.end_mark, bytes))
    if let index = anchors[name], !frames.contains(where: { $0.index == index }) {
      pending.append(index)
      return
    }
    if anchors[name] != nil || frames.contains(where: { $0.anchor == name }) {
      diagnostics.append(Diagnostic(id: "yaml-alias", "`&\(name)` contains itself", at: range))
    } else {
      diagnostics.append(
        Diagnostic(
          id: "yaml-alias", "there is no anchor `&\(name)` before this", at: range,
          label: Suggestion.nearest(to: name, in: anchors.keys.sorted()).map { "did you mean `*\($0)`?" } ?? "",
          help: "a text that begins with `*` must be quoted: \"\(range.string)\""))
    }
    poisonedScalar(range.range)
  }

  private mutating func poisonedScalar(_ range: Range<Int>) {
    add(
      NodeRecord(
        shape: .scalar, style: .plain, scalarKind: .null, start: UInt32(range.lowerBound), end: UInt32(range.upperBound), isPoisoned: true),
      anchor: nil)
  }

  private mutating func add(_ record: NodeRecord, anchor: UnsafeMutablePointer<yaml_char_t>?) {
    let index = Int32(records.count)
    records.append(record)
    if let anchor { anchors[String(cString: anchor)] = index }
    attach(index)
  }

  private mutating func attach(_ index: Int32) {
    if frames.isEmpty { rootIndex = index } else { pending.append(index) }
  }

  private mutating func open(
    _ shape: Node.Shape, isFlow: Bool, anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?,
    _ event: yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>
  ) {
    var start = marks.byte(event.start_mark, bytes)
    if anchor != nil || tag != nil { start = skipProperties(from: start, to: bytes.count, bytes) }
    if frames.count >= YAMLBuilder.depthLimit {
      diagnostics.append(
        Diagnostic(id: "yaml-depth", "more than \(YAMLBuilder.depthLimit) collections inside each other", at: text.range(start..<start + 1)))
      stopped = true
      return
    }
    var isPoisoned = false
    if let tag {
      let name = String(cString: tag)
      if name != "tag:yaml.org,2002:map", name != "tag:yaml.org,2002:seq" {
        isPoisoned = tagged(name, "", .string, event, bytes).isPoisoned
      }
    }
    let index = Int32(records.count)
    records.append(
      NodeRecord(
        shape: shape, style: isFlow ? .flow : .block, scalarKind: .null, start: UInt32(start), end: UInt32(start), isPoisoned: isPoisoned))
    let name = anchor.map { String(cString: $0) }
    // Visible at once, so that an alias inside is found to be a circle.
    if let name { anchors[name] = index }
    frames.append(Frame(index: index, pendingStart: pending.count, anchor: name))
  }

  private mutating func close(_ event: yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>) {
    guard let frame = frames.popLast() else { return }
    let at = Int(frame.index)
    if records[at].style == .flow {
      records[at].end = UInt32(marks.byte(event.end_mark, bytes))
    } else {
      // A block collection ends where its last child ends; libyaml's mark is the next token.
      var end = records[at].start + 1
      for position in frame.pendingStart..<pending.count {
        let child = Int(pending[position])
        // An alias leads to something above.
        if records[child].start >= records[at].start { end = max(end, records[child].end) }
      }
      records[at].end = end
    }
    if records[at].shape == .mapping { finishMapping(frame) }
    // By index: a slice would share the array's storage, and removing from it would copy the whole of it.
    let count = pending.count - frame.pendingStart
    records[at].firstLink = Int32(links.count)
    records[at].linkCount = Int32(count)
    var weight: UInt32 = 1
    for position in frame.pendingStart..<pending.count {
      let child = pending[position]
      links.append(child)
      weight = min(weight + records[Int(child)].weight, YAMLBuilder.weightLimit + 1)
      // The first collection that is too heavy is where the bomb is.
      if weight > YAMLBuilder.weightLimit, !stopped {
        stopped = true
        diagnostics.append(
          Diagnostic(
            id: "yaml-alias-bomb", "aliases make this more than \(YAMLBuilder.weightLimit / 1_000_000) million values",
            at: text.range(Int(records[at].start)..<Int(records[at].end)), help: "write it out, or give each use less"))
      }
    }
    pending.removeLast(count)
    records[at].weight = weight
    attach(frame.index)
  }

  // MARK: Mappings: template braces, keys, merges

  private mutating func finishMapping(_ frame: Frame) {
    let at = Int(frame.index)
    let start = frame.pendingStart
    var merges: [Int] = []
    var hasBadKey = false
    for key in stride(from: start, to: pending.count, by: 2) {
      let record = records[Int(pending[key])]
      if record.shape != .scalar {
        hasBadKey = true
        // An anchored mapping may be a key through an alias; only what is written here can be shown here.
        if record.start == records[at].start + 1, record.style == .flow, record.shape == .mapping {
          reportTemplateBraces(Int(records[at].start)..<Int(records[at].end))
        } else if !record.isPoisoned {
          diagnostics.append(
            Diagnostic(id: "yaml-key", "a key must be a text", at: text.range(Int(record.start)..<Int(record.end)), help: "quote it"))
        }
      } else if record.style == .plain, record.scalar == "<<" {
        merges.append(key)
      }
    }
    if hasBadKey {
      pending.removeSubrange(start...)
      records[at].shape = .scalar
      records[at].isPoisoned = true
      return
    }
    reportDuplicates(start)
    if !merges.isEmpty { merge(start) }
  }

  private mutating func reportTemplateBraces(_ range: Range<Int>) {
    let value = YAMLTraps.restOfValue(text.bytes, from: range.lowerBound)
    diagnostics.append(YAMLTraps.templateBraces(text, value))
  }

  private mutating func reportDuplicates(_ start: Int) {
    let count = (pending.count - start) / 2
    func key(_ at: Int) -> Int { Int(pending[start + 2 * at]) }
    var duplicates: [(first: Int, second: Int)] = []
    if count <= 12 {
      // Most mappings are small, and comparing short strings beats hashing them.
      for later in stride(from: 1, to: count, by: 1) {
        for earlier in 0..<later where records[key(earlier)].scalar == records[key(later)].scalar {
          duplicates.append((key(earlier), key(later)))
          break
        }
      }
    } else {
      var seen: [String: Int] = [:]
      seen.reserveCapacity(count)
      for at in 0..<count {
        if let first = seen.updateValue(key(at), forKey: records[key(at)].scalar) {
          duplicates.append((first, key(at)))
          seen[records[key(at)].scalar] = first
        }
      }
    }
    for (first, second) in duplicates where !records[second].isPoisoned {
      func range(_ index: Int) -> SourceRange { text.range(Int(records[index].start)..<Int(records[index].end)) }
      let name = records[second].scalar
      diagnostics.append(
        Diagnostic(
          id: "yaml-duplicate-key", "`\(name)` is there twice", at: range(second), label: "second",
          secondary: [.init(place: range(first).place, label: "first")],
          help: name == "<<" ? "merge several with one list: <<: [*a, *b]" : "remove one of them; YAML readers silently take the last"))
    }
  }

  /// Replaces `<<` entries by the entries of what they name: written keys win over merged ones, earlier merges over later ones.
  private mutating func merge(_ start: Int) {
    let own = Array(pending[start...])
    var taken = Set<String>()
    for at in stride(from: 0, to: own.count, by: 2) { taken.insert(records[Int(own[at])].scalar) }
    var out: [Int32] = []
    for at in stride(from: 0, to: own.count, by: 2) {
      let key = records[Int(own[at])]
      guard key.style == .plain, key.scalar == "<<" else {
        out += own[at...at + 1]
        continue
      }
      let value = records[Int(own[at + 1])]
      let sources: [Int32]
      if value.shape == .sequence {
        sources = Array(links[Int(value.firstLink)..<Int(value.firstLink + value.linkCount)])
      } else {
        sources = [own[at + 1]]
      }
      var isReported = false
      for source in sources {
        let record = records[Int(source)]
        guard record.shape == .mapping else {
          if !record.isPoisoned, !isReported {
            isReported = true
            diagnostics.append(
              Diagnostic(
                id: "yaml-merge", "`<<` takes a mapping, or a list of mappings", at: text.range(Int(key.start)..<Int(key.end)),
                secondary: [.init(place: text.range(Int(record.start)..<max(Int(record.end), Int(record.start) + 1)).place, label: "this is neither")]))
          }
          continue
        }
        for link in stride(from: Int(record.firstLink), to: Int(record.firstLink + record.linkCount), by: 2)
        where taken.insert(records[Int(links[link])].scalar).inserted {
          out += links[link...link + 1]
        }
      }
    }
    pending.replaceSubrange(start..., with: out)
  }

  // MARK: Tags and properties

  private mutating func tagged(
    _ tag: String, _ scalar: String, _ kind: Node.ScalarKind, _ event: yaml_event_t, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> (kind: Node.ScalarKind, isPoisoned: Bool) {
    let core = "tag:yaml.org,2002:"
    if tag.hasPrefix(core) {
      let resolved = CoreSchema.kind(of: scalar)
      switch tag.dropFirst(core.count) {
      case "str": return (.string, false)
      case "int" where resolved == .int: return (.int, false)
      case "float" where resolved == .int || resolved == .float: return (.float, false)
      case "bool" where resolved == .bool: return (.bool, false)
      case "null" where resolved == .null: return (.null, false)
      default: break
      }
    } else if tag == "!", event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || !scalar.isEmpty {
      return (.string, false)
    }
    let start = marks.byte(event.start_mark, bytes)
    diagnostics.append(YAMLTraps.tag(text, at: start))
    return (kind, true)
  }

  /// The offset of the content after anchors and tags.
  private func skipProperties(from start: Int, to end: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var at = start
    while at < end, bytes[at] == UInt8(ascii: "&") || bytes[at] == UInt8(ascii: "!") {
      while at < end, bytes[at] > 0x20 { at += 1 }
      while at < end, bytes[at] <= 0x20 { at += 1 }
      while at < end, bytes[at] == UInt8(ascii: "#") {
        while at < end, bytes[at] != UInt8(ascii: "\n") { at += 1 }
        while at < end, bytes[at] <= 0x20 { at += 1 }
      }
    }
    return at
  }

  /// Notes texts that readers of YAML 1.1 (PyYAML and many more) take for something else.
  private mutating func remarkYAML11(_ scalar: String, _ kind: Node.ScalarKind, _ range: Range<Int>) {
    let count = scalar.utf8.count
    guard count <= 12, let first = scalar.utf8.first else { return }
    let reading: String
    if kind == .int, first == UInt8(ascii: "0"), count > 1, scalar.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) {
      reading = "the octal number \(Int(scalar, radix: 8) ?? 0); here it is \(Int(scalar) ?? 0)"
    } else if kind == .string, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), let sixties = sexagesimal(scalar) {
      reading = "the number \(sixties); here it is text"
    } else if kind == .string, count <= 3, YAML11.isBooleanWord(scalar) {
      reading = YAML11.isTrue(scalar) ? "true; here it is text" : "false; here it is text"
    } else {
      return
    }
    diagnostics.append(
      Diagnostic(
        .note, id: "yaml-1.1", "other YAML readers take `\(scalar)` for \(reading)", at: text.range(range), help: "quote it: \"\(scalar)\""))
  }

  private func sexagesimal(_ text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    var total = 0
    for (at, part) in parts.enumerated() {
      guard (1...2).contains(part.utf8.count) || at == 0, let value = Int(part), part.utf8.first != UInt8(ascii: "+"), at == 0 || value < 60 else {
        return nil
      }
      total = total * 60 + value
    }
    return total
  }
}

/// The words that YAML 1.1 takes for booleans.
enum YAML11 {
  static func isBooleanWord(_ word: String) -> Bool {
    switch word {
    case "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF": true
    default: false
    }
  }

  static func isTrue(_ word: String) -> Bool { word.lowercased() == "yes" || word.lowercased() == "on" }
}

/// Turns libyaml's marks, which count characters, into byte offsets. Marks come nearly in order, so it walks.
struct MarkCursor {
  let isASCII: Bool
  /// Bytes before the first character (a byte order mark).
  let base: Int
  private var character = 0
  private var byte: Int

  init(isASCII: Bool, base: Int) {
    self.isASCII = isASCII
    self.base = base
    self.byte = base
  }

  mutating func byte(_ mark: yaml_mark_t, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let index = Int(mark.index)
    if isASCII { return min(index + base, bytes.count) }
    while character < index, byte < bytes.count {
      byte += 1
      while byte < bytes.count, bytes[byte] & 0xC0 == 0x80 { byte += 1 }
      character += 1
    }
    while character > index {
      byte -= 1
      while byte > base, bytes[byte] & 0xC0 == 0x80 { byte -= 1 }
      character -= 1
    }
    return byte
  }
}
