public import Diagnostics

/// `pipe fmt`: one way to write a manifest, with every comment and every meaning kept.
///
/// Three passes, each undone when the file would be read differently afterwards: inside lines (blanks after colons and commas,
/// quotes around words that other YAML readers take for booleans), indentation (two blanks a level), and lines (trailing blanks,
/// more than one blank line, the end of the file). Formatting twice gives what formatting once gives.
public enum ManifestFormatter {
  /// The formatted file; throws what `YAMLReader` says when it is not YAML.
  public static func format(_ text: SourceText) throws(Problems) -> String {
    let (document, diagnostics) = YAMLReader.read(text)
    try Problems.throwErrors(in: diagnostics)
    guard let document else { preconditionFailure("YAML that cannot be read has an error") }
    var current = normalizedLineEnds(text.bytes)
    for pass in [FormatPass.insideLines, .indentation, .lines] {
      let source = SourceText(path: text.path, bytes: current)
      guard let read = YAMLReader.read(source).document else { continue }
      let next = pass.apply(read)
      guard next != current else { continue }
      let (reread, problems) = YAMLReader.read(SourceText(path: text.path, bytes: next))
      guard let reread, !problems.contains(where: { $0.severity == .error }), Node.mean(the: document.root, reread.root) else { continue }
      current = next
    }
    return String(decoding: current, as: UTF8.self)
  }

  private static func normalizedLineEnds(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "\r"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "\n") { at += 1 }
      out.append(bytes[at])
      at += 1
    }
    return out
  }
}

extension Node {
  /// Whether two nodes mean the same: shapes, texts and kinds of scalars, entries in order. Styles and places do not count.
  static func mean(the a: Node, _ b: Node) -> Bool {
    guard a.shape == b.shape, a.count == b.count else { return false }
    switch a.shape {
    case .scalar: return a.scalarKind == b.scalarKind && a.scalar == b.scalar
    case .sequence: return (0..<a.count).allSatisfy { mean(the: a.item($0), b.item($0)) }
    case .mapping:
      return (0..<a.count).allSatisfy { at in
        let (left, right) = (a.entry(at), b.entry(at))
        return mean(the: left.key, right.key) && mean(the: left.value, right.value)
      }
    }
  }
}

enum FormatPass {
  case insideLines, indentation, lines

  func apply(_ document: YAMLDocument) -> [UInt8] {
    switch self {
    case .insideLines: InsideLines(document).apply()
    case .indentation: Indentation(document).apply()
    case .lines: Lines(document).apply()
    }
  }
}

/// Which lines continue a scalar or a flow collection that began above.
struct Continuations {
  enum Kind { case block, quoted, plain, flow }

  /// For each line (from 0): what it continues, and the line that began it.
  private(set) var lines: [(kind: Kind, start: Int)?]

  init(_ document: YAMLDocument) {
    let text = document.text
    lines = Array(repeating: nil, count: text.lineCount)
    for record in document.records {
      let kind: Kind
      switch (record.shape, record.style) {
      case (.scalar, .literal), (.scalar, .folded): kind = .block
      case (.scalar, .singleQuoted), (.scalar, .doubleQuoted): kind = .quoted
      case (.scalar, _): kind = .plain
      case (_, .flow): kind = .flow
      default: continue
      }
      let first = text.lineNumber(of: Int(record.start)) - 1
      let last = text.lineNumber(of: max(Int(record.start), Int(record.end) - 1)) - 1
      guard last > first else { continue }
      for line in first + 1...last {
        // What is inside a flow collection begins where the collection begins; a quoted text there stays a quoted text.
        if let known = lines[line] {
          lines[line] = (known.kind == .flow ? kind : known.kind, min(known.start, first))
        } else {
          lines[line] = (kind, first)
        }
      }
    }
  }
}

/// Blanks after colons and commas, inside brackets; quotes around `yes`, `no`, `on`, `off`.
private struct InsideLines {
  let document: YAMLDocument
  let bytes: [UInt8]
  private var edits: [Range<Int>: String] = [:]

  init(_ document: YAMLDocument) {
    self.document = document
    self.bytes = document.text.bytes
  }

  func apply() -> [UInt8] {
    var copy = self
    for index in document.records.indices { copy.collect(Node(document: document, index: Int32(index))) }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    // Something may be inserted before what is replaced.
    for (range, text) in copy.edits.sorted(by: { ($0.key.lowerBound, $0.key.upperBound) < ($1.key.lowerBound, $1.key.upperBound) })
    where range.lowerBound >= at {
      out += bytes[at..<range.lowerBound]
      out += text.utf8
      at = range.upperBound
    }
    out += bytes[at...]
    return out
  }

  private mutating func collect(_ node: Node) {
    switch (node.shape, node.style) {
    case (.scalar, .plain):
      if YAML11.isBooleanWord(node.scalar), node.byteRange.count == node.scalar.utf8.count {
        replace(node.byteRange, Scan.quote(node.scalar))
      }
    case (.mapping, .block):
      for (key, _) in node.entries { colon(after: key) }
    case (.mapping, .flow), (.sequence, .flow): brackets(node)
    default: break
    }
  }

  private mutating func replace(_ range: Range<Int>, _ text: String) {
    if String(decoding: bytes[range], as: UTF8.self) != text { edits[range] = text }
  }

  private mutating func colon(after key: Node) {
    let start = key.byteRange.upperBound
    var at = start
    while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
    guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { return }
    at += 1
    var next = at
    while next < bytes.count, bytes[next] == UInt8(ascii: " ") { next += 1 }
    if next == bytes.count || bytes[next] == UInt8(ascii: "\n") || bytes[next] == UInt8(ascii: "#") {
      replace(start..<at, ":")
    } else if next > at {
      replace(start..<next, ": ")
    }
  }

  private mutating func brackets(_ node: Node) {
    let range = node.byteRange
    let isMapping = node.isMapping
    guard bytes[range.lowerBound] == (isMapping ? UInt8(ascii: "{") : UInt8(ascii: "[")), !bytes[range].contains(UInt8(ascii: "\n")) else { return }
    let children = isMapping ? node.entries.flatMap { [$0.key, $0.value] } : node.items
    guard !children.isEmpty else {
      if bytes[range.lowerBound + 1..<range.upperBound - 1].allSatisfy({ $0 == UInt8(ascii: " ") }) { replace(range, isMapping ? "{}" : "[]") }
      return
    }
    var found: [(Range<Int>, String)] = []
    var at = range.lowerBound + 1
    for child in children {
      let place = child.byteRange
      // An alias stands elsewhere, a null nowhere: leave such a collection as it is.
      guard place.lowerBound >= at, !place.isEmpty, place.upperBound < range.upperBound else { return }
      guard let text = separator(at..<place.lowerBound, isFirst: at == range.lowerBound + 1, isMapping) else { return }
      found.append((at..<place.lowerBound, text))
      at = place.upperBound
    }
    let rest = bytes[at..<range.upperBound - 1].filter { $0 != UInt8(ascii: " ") }
    guard rest.isEmpty || rest == [UInt8(ascii: ",")] else { return }
    found.append((at..<range.upperBound - 1, isMapping ? " " : ""))
    for (range, text) in found { replace(range, text) }
  }

  private func separator(_ range: Range<Int>, isFirst: Bool, _ isMapping: Bool) -> String? {
    let signs = bytes[range].filter { $0 != UInt8(ascii: " ") }
    if isFirst { return signs.isEmpty ? (isMapping ? " " : "") : nil }
    if signs == [UInt8(ascii: ",")] { return ", " }
    if signs == [UInt8(ascii: ":")] { return ": " }
    return nil
  }
}

/// Two blanks a level; lists stand two blanks right of their key.
private struct Indentation {
  let text: SourceText
  let continuations: Continuations

  private struct Level {
    var old: Int
    var new: Int
    var isSequence: Bool
  }

  init(_ document: YAMLDocument) {
    text = document.text
    continuations = Continuations(document)
  }

  func apply() -> [UInt8] {
    let bytes = text.bytes
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var levels: [Level] = []
    var comments: [Int] = []
    // How far the line moved that began what the following lines continue, and where a block scalar below it goes.
    var shifts = [Int](repeating: 0, count: text.lineCount)
    var bodies = [Int](repeating: 0, count: text.lineCount)
    var blockShift: (start: Int, by: Int)?

    func emit(_ blanks: Int, _ content: ArraySlice<UInt8>, _ line: Int) {
      if !content.isEmpty { out += repeatElement(UInt8(ascii: " "), count: max(0, blanks)) }
      out += content
      if line < text.lineCount { out.append(UInt8(ascii: "\n")) }
    }
    func flushComments(_ next: (old: Int, new: Int)?, _ levels: [Level]) {
      for line in comments {
        let range = text.lineRange(line)
        let start = contentStart(range)
        let column = start - range.lowerBound
        let level = levels.last { $0.old == column }
        let new = next.map { $0.old == column ? $0.new : level?.new ?? max(0, column + $0.new - $0.old) } ?? level?.new ?? column
        emit(new, bytes[start..<range.upperBound], line)
      }
      comments = []
    }

    for line in 1...text.lineCount {
      let range = text.lineRange(line)
      let start = contentStart(range)
      let column = start - range.lowerBound
      if let (kind, first) = continuations.lines[line - 1] {
        flushComments(nil, levels)
        var shift = shifts[first]
        if kind == .block {
          if blockShift?.start != first, start < range.upperBound {
            blockShift = (first, hasExplicitIndentation(first) ? shift : bodies[first] - column)
          }
          shift = blockShift?.start == first ? blockShift!.by : shift
        }
        emit(column + shift, bytes[start..<range.upperBound], line)
        continue
      }
      if start == range.upperBound {
        // A blank line belongs to whatever follows it.
        comments.append(line)
        continue
      }
      if bytes[start] == UInt8(ascii: "#") {
        comments.append(line)
        continue
      }
      if bytes[range].starts(with: Array("---".utf8)) || bytes[start] == UInt8(ascii: "%") {
        flushComments(nil, levels)
        emit(column, bytes[start..<range.upperBound], line)
        continue
      }
      var at = start
      var firstNew: Int?
      let above = comments.isEmpty ? [] : levels
      var dashes = 0
      while true {
        let isDash = bytes[at] == UInt8(ascii: "-") && (at + 1 == range.upperBound || bytes[at + 1] == UInt8(ascii: " "))
        let level = enter(at - range.lowerBound, isDash: isDash, &levels)
        if firstNew == nil {
          firstNew = level.new
          flushComments((column, level.new), above)
        }
        guard isDash else { break }
        dashes += 1
        at += 1
        while at < range.upperBound, bytes[at] == UInt8(ascii: " ") { at += 1 }
        if at == range.upperBound || bytes[at] == UInt8(ascii: "#") { break }
      }
      let last = levels.last ?? Level(old: 0, new: 0, isSequence: false)
      shifts[line - 1] = last.new - last.old
      let isHeader = at < range.upperBound && (bytes[at] == UInt8(ascii: "|") || bytes[at] == UInt8(ascii: ">"))
      bodies[line - 1] = last.new + (isHeader ? 0 : 2)
      var content = bytes[at..<range.upperBound]
      if dashes > 0 {
        var line: [UInt8] = []
        for _ in 0..<dashes { line += "- ".utf8 }
        if content.isEmpty { line.removeLast() }
        content = (line + content)[...]
      }
      emit(firstNew ?? 0, content, line)
    }
    flushComments(nil, levels)
    return out
  }

  private func contentStart(_ range: Range<Int>) -> Int {
    var at = range.lowerBound
    while at < range.upperBound, text.bytes[at] == UInt8(ascii: " ") { at += 1 }
    return at
  }

  /// The level that a token at a column belongs to.
  private func enter(_ column: Int, isDash: Bool, _ levels: inout [Level]) -> Level {
    while let top = levels.last, top.old > column || (top.old == column && top.isSequence && !isDash) { levels.removeLast() }
    if let top = levels.last, top.old == column, top.isSequence == isDash { return top }
    let level = Level(old: column, new: levels.last.map { $0.new + 2 } ?? 0, isSequence: isDash)
    levels.append(level)
    return level
  }

  /// `|2`: the indentation counts from the parent, so the body moves with it.
  private func hasExplicitIndentation(_ line: Int) -> Bool {
    let content = text.bytes[text.lineRange(line + 1)]
    guard let sign = content.lastIndex(where: { $0 == UInt8(ascii: "|") || $0 == UInt8(ascii: ">") }) else { return false }
    return content[sign...].prefix(3).contains { $0 >= UInt8(ascii: "1") && $0 <= UInt8(ascii: "9") }
  }
}

/// Trailing blanks, blank lines, the end of the file.
private struct Lines {
  let text: SourceText
  let continuations: Continuations

  init(_ document: YAMLDocument) {
    text = document.text
    continuations = Continuations(document)
  }

  func apply() -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.bytes.count)
    var blankLines = 0
    for line in 1...text.lineCount {
      let range = text.lineRange(line)
      var end = range.upperBound
      let kind = continuations.lines[line - 1]?.kind
      let next = line < text.lineCount ? continuations.lines[line]?.kind : nil
      // Blanks at the end of a line of a quoted or block text may be part of it.
      if kind != .block, kind != .quoted, next != .quoted {
        while end > range.lowerBound, text.bytes[end - 1] == UInt8(ascii: " ") || text.bytes[end - 1] == UInt8(ascii: "\t") { end -= 1 }
      }
      if kind == nil, end == range.lowerBound {
        blankLines += 1
        continue
      }
      if blankLines > 0, !out.isEmpty { out.append(UInt8(ascii: "\n")) }
      blankLines = 0
      out += text.bytes[range.lowerBound..<end]
      out.append(UInt8(ascii: "\n"))
    }
    return out
  }
}
