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
  var pending: [Int32] = []
  private var marks: MarkCursor
  private var stopped = false
  let poisoned: [Range<Int>]

  struct Frame {
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
    if data.anchor != nil, data.tag == nil, style == .plain, scalar.isEmpty {
      diagnostics.append(YAMLTraps.emptyAnchor(text, at: marks.byte(event.start_mark, bytes)))
      isPoisoned = true
    }
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
}
