internal import Engine
internal import Rows

/// What all partials say together: items, votes, known answers, by number.
///
/// A vote is a few 32-bit numbers in parallel arrays: five million of them are a hundred megabytes.
struct VoteCollection {
  /// The stage's ports, in order.
  enum Port: Int { case items, votes, gold }

  /// A vote that does not count.
  struct Bad {
    let parent: RowParent
    let item: [UInt8]
    let annotator: [UInt8]
    let label: [UInt8]
    let message: String
  }

  /// More rows than this are nobody's reading.
  private static let maximumShown = 1000

  private(set) var items = TextIndex()
  private(set) var annotators = TextIndex()
  private(set) var labels = TextIndex()
  private(set) var times = TextIndex()
  private(set) var itemChunks: [Int32] = []
  private(set) var itemRows: [Int32] = []
  /// Rows of `from` of which `where` is not true.
  private(set) var dropped: [RowParent] = []

  private(set) var voteItems: [Int32] = []
  private(set) var voteAnnotators: [Int32] = []
  private(set) var voteLabels: [Int32] = []
  /// One more than the number of the text; 0 where nobody says. Empty when no vote has a time.
  private(set) var voteTimes: [Int32] = []
  private var voteChunks: [Int32] = []
  private var voteRows: [Int32] = []

  /// By item: the known label or -1, and where it stands.
  private(set) var gold: [Int32] = []
  private(set) var goldParents: [Int: RowParent] = [:]
  private(set) var bad: [Bad] = []
  private(set) var passed = 0

  private let quarantines: Bool
  /// What the items are called in messages.
  private let itemsName: String

  init(_ partials: [(port: String, partial: [UInt8])], quarantines: Bool, itemsName: String) throws(TaskFailure) {
    self.quarantines = quarantines
    self.itemsName = itemsName
    var unknown: [RowParent] = []
    var firstUnknown = ""
    var chunks = [0, 0, 0]
    // Items first, whatever order ports have.
    for isItems in [true, false] {
      for (port, partial) in partials where (port == LabelMergeKind.itemsPort) == isItems {
        let number: Port = isItems ? .items : port == LabelMergeKind.votesPort ? .votes : .gold
        let chunk = chunks[number.rawValue]
        chunks[number.rawValue] += 1
        try partial.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
          do throws(TaskFailure) {
            var reader = PartialReader(bytes)
            if isItems { return .success(try addItems(&reader, chunk)) }
            return .success(try addVotes(&reader, number, chunk, &unknown, &firstUnknown))
          } catch { return .failure(error) }
        }.get()
      }
      if isItems { gold = Array(repeating: -1, count: items.count) }
    }
    if !unknown.isEmpty { throw unknownItem(firstUnknown, unknown) }
  }

  func itemParent(_ item: Int) -> RowParent { RowParent(port: Port.items.rawValue, chunk: Int(itemChunks[item]), row: Int(itemRows[item])) }

  func voteParent(_ vote: Int) -> RowParent { RowParent(port: Port.votes.rawValue, chunk: Int(voteChunks[vote]), row: Int(voteRows[vote])) }

  var voteCount: Int { voteItems.count }

  // MARK: Reading partials

  private mutating func addItems(_ reader: inout PartialReader, _ chunk: Int) throws(TaskFailure) {
    var gaps: [Int] = []
    for _ in 0..<(try reader.number()) { gaps.append(try reader.number()) }
    for row in gaps { dropped.append(RowParent(port: Port.items.rawValue, chunk: chunk, row: row)) }
    var gap = 0
    var row = 0
    for _ in 0..<(try reader.number()) {
      while gap < gaps.count, gaps[gap] == row {
        gap += 1
        row += 1
      }
      let place = items.insert(try reader.blob())
      guard place.isNew else { throw twice(place.index, RowParent(port: Port.items.rawValue, chunk: chunk, row: row)) }
      itemChunks.append(Int32(chunk))
      itemRows.append(Int32(row))
      row += 1
    }
  }

  private mutating func addVotes(
    _ reader: inout PartialReader, _ port: Port, _ chunk: Int, _ unknown: inout [RowParent], _ firstUnknown: inout String
  ) throws(TaskFailure) {
    // Texts of the partial, by their numbers in it; of an item that nobody knows the text stays.
    var itemNumbers: [Int] = []
    var strangers: [Int: [UInt8]] = [:]
    for index in 0..<(try reader.number()) {
      let text = try reader.blob()
      itemNumbers.append(items.find(text) ?? -1)
      if itemNumbers[index] < 0 { strangers[index] = Array(text) }
    }
    var numbers: [[Int32]] = [[], [], []]
    for kind in 0..<3 {
      for _ in 0..<(try reader.number()) {
        let text = try reader.blob()
        switch kind {
        case 0: numbers[0].append(Int32(annotators.insert(text).index))
        case 1: numbers[1].append(Int32(labels.insert(text).index))
        default: numbers[2].append(Int32(times.insert(text).index + 1))
        }
      }
    }
    passed += try reader.number()
    for _ in 0..<(try reader.number()) {
      let row = try reader.number()
      let (item, annotator, label) = (Array(try reader.blob()), Array(try reader.blob()), Array(try reader.blob()))
      bad.append(
        Bad(
          parent: RowParent(port: port.rawValue, chunk: chunk, row: row), item: item, annotator: annotator, label: label,
          message: String(decoding: try reader.blob(), as: UTF8.self)))
    }
    let (annotatorNumbers, labelNumbers, timeNumbers) = (numbers[0], numbers[1], numbers[2])
    var row = 0
    for _ in 0..<(try reader.number()) {
      row += try reader.number()
      let item = try reader.number()
      let marked = try reader.number()
      let label = try reader.number()
      let time = try reader.number()
      guard item < itemNumbers.count, marked >> 1 < annotatorNumbers.count, label < labelNumbers.count, time <= timeNumbers.count else {
        throw PartialReader.malformed
      }
      let isGold = marked & 1 == 1
      guard itemNumbers[item] >= 0 else {
        let parent = RowParent(port: port.rawValue, chunk: chunk, row: row)
        let text = strangers[item] ?? []
        if quarantines, port == .votes {
          bad.append(
            Bad(
              parent: parent, item: text, annotator: Array(annotators[Int(annotatorNumbers[marked >> 1])]), label: Array(labels[Int(labelNumbers[label])]),
              message: noItem(String(decoding: text, as: UTF8.self))))
        } else {
          if unknown.isEmpty { firstUnknown = String(decoding: text, as: UTF8.self) }
          if unknown.count < Self.maximumShown { unknown.append(parent) }
        }
        continue
      }
      if isGold {
        try addGold(itemNumbers[item], labelNumbers[label], RowParent(port: port.rawValue, chunk: chunk, row: row))
        continue
      }
      voteItems.append(Int32(itemNumbers[item]))
      voteAnnotators.append(annotatorNumbers[marked >> 1])
      voteLabels.append(labelNumbers[label])
      voteChunks.append(Int32(chunk))
      voteRows.append(Int32(row))
      if time > 0 || !voteTimes.isEmpty {
        while voteTimes.count < voteItems.count - 1 { voteTimes.append(0) }
        voteTimes.append(time == 0 ? 0 : timeNumbers[time - 1])
      }
    }
  }

  private mutating func addGold(_ item: Int, _ label: Int32, _ parent: RowParent) throws(TaskFailure) {
    if gold[item] >= 0, gold[item] != label, let first = goldParents[item] {
      var failure = TaskFailure(
        id: "gold", message: "two known answers for `\(items.text(item))`: `\(labelText(Int(gold[item])))` and `\(labelText(Int(label)))`", rows: [first],
        help: "take one of them out")
      failure.sides.append(("other", parent))
      throw failure
    }
    gold[item] = label
    goldParents[item] = goldParents[item] ?? parent
  }

  func labelText(_ label: Int) -> String { LabelRule.text(Array(labels[label])) }

  // MARK: Votes that do not count

  /// Takes votes out and keeps them as bad.
  mutating func setAside(_ votes: [(vote: Int, message: String)]) {
    var isOut = Array(repeating: false, count: voteCount)
    for (vote, message) in votes {
      isOut[vote] = true
      bad.append(
        Bad(
          parent: voteParent(vote), item: Array(items[Int(voteItems[vote])]), annotator: Array(annotators[Int(voteAnnotators[vote])]),
          label: Array(labels[Int(voteLabels[vote])]), message: message))
    }
    func kept(_ numbers: [Int32]) -> [Int32] { numbers.isEmpty ? [] : numbers.indices.filter { !isOut[$0] }.map { numbers[$0] } }
    if !voteTimes.isEmpty { while voteTimes.count < voteCount { voteTimes.append(0) } }
    (voteTimes, voteAnnotators, voteLabels) = (kept(voteTimes), kept(voteAnnotators), kept(voteLabels))
    (voteChunks, voteRows, voteItems) = (kept(voteChunks), kept(voteRows), kept(voteItems))
  }

  // MARK: Messages

  private func noItem(_ item: String) -> String { "a vote is on `\(item)`, and no row of `\(itemsName)` has that key" }

  private func unknownItem(_ item: String, _ rows: [RowParent]) -> TaskFailure {
    let isVote = rows[0].port == Port.votes.rawValue
    var failure = TaskFailure(
      id: isVote ? "vote" : "gold",
      message: isVote ? noItem(item) : "a known answer is for `\(item)`, and no row of `\(itemsName)` has that key", rows: rows,
      help: "take it out, or look whether `where` on the way left the row out")
    if isVote { failure.notes.append(VoteFault.skip) }
    return failure
  }

  private func twice(_ item: Int, _ second: RowParent) -> TaskFailure {
    var failure = TaskFailure(
      id: "duplicate-key", message: "two rows of `\(itemsName)` have the key `\(items.text(item))`", rows: [itemParent(item)],
      help: "votes are on one row; name columns that tell rows apart (row_key: [a, b])")
    failure.sides.append(("other", second))
    return failure
  }
}
