internal import Engine
internal import Rows

/// The votes of one chunk, small: every text once, a vote as four numbers. What a chunk's rows hold beside it is not in here, and cannot
/// make anything run again.
struct VotePartial {
  /// A vote that was set aside.
  struct Bad {
    let row: Int
    let vote: Vote
    let message: String
  }

  private var items = TextIndex()
  private var annotators = TextIndex()
  private var labels = TextIndex()
  private var times = TextIndex()
  private var entries = ByteWriter()
  private var count = 0
  private var lastRow = 0
  private var bad: [Bad] = []
  /// Rows without an answer.
  var passed = 0

  mutating func add(_ vote: Vote, row: Int) {
    entries.number(row - lastRow)
    entries.number(items.insert(vote.item).index)
    // The lowest bit: a known answer.
    entries.number(annotators.insert(vote.annotator).index << 1 | (vote.isGold ? 1 : 0))
    entries.number(labels.insert(vote.label).index)
    entries.number(vote.time.isEmpty ? 0 : times.insert(vote.time).index + 1)
    lastRow = row
    count += 1
  }

  mutating func setAside(_ vote: Vote, row: Int, because message: String) { bad.append(Bad(row: row, vote: vote, message: message)) }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    for index in [items, annotators, labels, times] {
      writer.number(index.count)
      for text in 0..<index.count { writer.blob(Array(index[text])) }
    }
    writer.number(passed)
    writer.number(bad.count)
    for one in bad {
      writer.number(one.row)
      for text in [one.vote.item, one.vote.annotator, one.vote.label] { writer.blob(text) }
      writer.text(one.message)
    }
    writer.number(count)
    writer.bytes += entries.bytes
    return writer.bytes
  }
}

/// The keys of the items of one chunk, in order; nothing else of the rows.
struct ItemPartial {
  private var entries = ByteWriter()
  private var count = 0
  private var dropped: [Int] = []
  private var rows = 0

  mutating func add(_ item: [UInt8]) {
    entries.blob(item)
    rows += 1
    count += 1
  }

  /// A row of which `where` is not true.
  mutating func drop() {
    dropped.append(rows)
    rows += 1
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(dropped.count)
    for row in dropped { writer.number(row) }
    writer.number(count)
    writer.bytes += entries.bytes
    return writer.bytes
  }
}

/// Reads partials where they lie: there may be many megabytes of them.
struct PartialReader {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func number() throws(TaskFailure) -> Int {
    var value = 0
    var shift = 0
    while true {
      guard at < bytes.count, shift < 56 else { throw Self.malformed }
      let byte = bytes[at]
      at += 1
      value |= Int(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  mutating func blob() throws(TaskFailure) -> UnsafeRawBufferPointer {
    let count = try number()
    guard count <= bytes.count - at else { throw Self.malformed }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
  }

  static var malformed: TaskFailure {
    TaskFailure(id: "store-damaged", message: "what was kept of a chunk of votes cannot be read", help: "run again with --no-cache: it is made anew")
  }
}
