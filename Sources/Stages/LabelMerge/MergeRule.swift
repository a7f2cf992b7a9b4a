internal import Engine
internal import Rows
internal import Statistics

/// Everything that the merge of a label-merge stage needs.
struct MergeRule: Sendable {
  /// The columns of a label record.
  static let columns = LabelItem.keyColumns + ["label", "status", "confidence", "labeled_by", "labeled_at", "votes"]

  let sheet: String
  let type: VotedType
  let method: MergeMethod
  /// Whether equal shares give no label.
  let leavesTies: Bool
  let leastVotes: Int
  let excluded: [String]
  let quarantines: Bool
  /// What the items are called in messages.
  let itemsName: String

  func merge(_ partials: [(port: String, partial: [UInt8])], _ writer: TaskWriter) throws(TaskFailure) {
    var all = try VoteCollection(partials, quarantines: quarantines, itemsName: itemsName)
    var numbered = NumberedVotes(all, classes: type.classes, excluded: excluded)
    let repeats = try repeatedVotes(numbered, all)
    if !repeats.isEmpty {
      all.setAside(repeats)
      numbered = NumberedVotes(all, classes: type.classes, excluded: excluded)
    }
    let known = all.gold.contains { $0 >= 0 } ? numbered.items.map { all.gold[Int($0)] < 0 ? -1 : numbered.classNumbers[Int(all.gold[Int($0)])] } : nil
    let merged = try method.merge(numbered.table, known: known)
    var labels = LabelWriter(rule: self, all: all, numbered: numbered, merged: merged, writer: writer)
    try labels.write()
  }

  /// Votes of one annotator on one item: which one counts, nobody can say. Repeats of the same answer are set aside, and all of several
  /// different ones.
  private func repeatedVotes(_ numbered: NumberedVotes, _ all: VoteCollection) throws(TaskFailure) -> [(vote: Int, message: String)] {
    let table = numbered.table
    var found: [(vote: Int, message: String)] = []
    for item in 0..<table.itemCount {
      let range = table.votes(on: item)
      var start = range.lowerBound
      while start < range.upperBound {
        var end = start + 1
        while end < range.upperBound, table.annotators[end] == table.annotators[start] { end += 1 }
        defer { start = end }
        guard end > start + 1 else { continue }
        let name = all.annotators.text(Int(numbered.annotators[Int(table.annotators[start])]))
        let message = "`\(name)` voted \(end - start == 2 ? "twice" : "\(end - start) times") on `\(all.items.text(Int(numbered.items[item])))`"
        guard quarantines else {
          var failure = TaskFailure(
            id: "vote-twice", message: message, rows: [all.voteParent(numbered.vote(start))], help: "take all but one of them out")
          for place in (start + 1)..<end { failure.sides.append(("again", all.voteParent(numbered.vote(place)))) }
          failure.notes.append(VoteFault.skip)
          throw failure
        }
        let isSame = (start..<end).allSatisfy { table.classes[$0] == table.classes[start] }
        for place in (isSame ? start + 1 : start)..<end { found.append((numbered.vote(place), message)) }
      }
    }
    return found
  }
}

/// Votes under numbers whose order the data fix, not the order of arrival: items and annotators by bytes, classes as they are declared (the
/// others after them, by bytes).
struct NumberedVotes {
  let table: VoteTable
  /// By number in the table: the item of the collection. Only items with votes.
  let items: [Int32]
  /// By item of the collection: its number in the table, or -1.
  let itemNumbers: [Int32]
  let annotators: [Int32]
  /// By number: the label of the collection.
  let classes: [Int32]
  /// By label of the collection.
  let classNumbers: [Int32]
  /// Those whose votes do not count, with how many there are; by bytes.
  let excluded: [(name: [UInt8], votes: Int, first: Int)]
  /// The votes that count; nil for all.
  private let counted: [Int32]?

  init(_ all: VoteCollection, classes declared: [[UInt8]], excluded names: [String]) {
    let isOut = (0..<all.annotators.count).map { index in names.contains { Array($0.utf8) == Array(all.annotators[index]) } }
    counted = isOut.contains(true) ? (0..<Int32(all.voteCount)).filter { !isOut[Int(all.voteAnnotators[Int($0)])] } : nil
    let votes = counted
    func pick(_ numbers: [Int32]) -> [Int32] { votes.map { $0.map { numbers[Int($0)] } } ?? numbers }
    let (voteItems, voteAnnotators, voteLabels) = (pick(all.voteItems), pick(all.voteAnnotators), pick(all.voteLabels))

    var isVoted = Array(repeating: false, count: all.items.count)
    for item in voteItems { isVoted[Int(item)] = true }
    items = all.items.sorted().filter { isVoted[Int($0)] }
    itemNumbers = Self.inverse(items, count: all.items.count)

    var hasVotes = Array(repeating: false, count: all.annotators.count)
    for annotator in voteAnnotators { hasVotes[Int(annotator)] = true }
    annotators = all.annotators.sorted().filter { hasVotes[Int($0)] }
    let annotatorNumbers = Self.inverse(annotators, count: all.annotators.count)

    var occurs = Array(repeating: false, count: all.labels.count)
    for label in voteLabels { occurs[Int(label)] = true }
    for label in all.gold where label >= 0 { occurs[Int(label)] = true }
    let ranks = Dictionary(declared.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let keyed = (0..<all.labels.count).filter { occurs[$0] }.map { label -> (rank: Int, text: [UInt8], label: Int32) in
      let json = Array(all.labels[label])
      return (ranks[json] ?? declared.count, Array(LabelRule.text(json).utf8), Int32(label))
    }
    classes = keyed.sorted { $0.rank != $1.rank ? $0.rank < $1.rank : $0.text.lexicographicallyPrecedes($1.text) }.map(\.label)
    classNumbers = Self.inverse(classes, count: all.labels.count)

    table = VoteTable(
      items: voteItems.map { [itemNumbers] in itemNumbers[Int($0)] }, annotators: voteAnnotators.map { annotatorNumbers[Int($0)] },
      classes: voteLabels.map { [classNumbers] in classNumbers[Int($0)] }, itemCount: items.count, annotatorCount: annotators.count,
      classCount: classes.count)

    var outCounts = Array(repeating: 0, count: all.annotators.count)
    var outFirst = Array(repeating: -1, count: all.annotators.count)
    for (vote, annotator) in all.voteAnnotators.enumerated() where isOut[Int(annotator)] {
      if outCounts[Int(annotator)] == 0 { outFirst[Int(annotator)] = vote }
      outCounts[Int(annotator)] += 1
    }
    let known = Dictionary((0..<all.annotators.count).map { (Array(all.annotators[$0]), $0) }, uniquingKeysWith: { first, _ in first })
    excluded = Set(names.map { Array($0.utf8) }).sorted { $0.lexicographicallyPrecedes($1) }.map { name in
      known[name].map { (name, outCounts[$0], outFirst[$0]) } ?? (name, 0, -1)
    }
  }

  /// The vote of the collection at a place of the table.
  func vote(_ place: Int) -> Int {
    let vote = Int(table.order[place])
    return counted.map { Int($0[vote]) } ?? vote
  }

  private static func inverse(_ order: [Int32], count: Int) -> [Int32] {
    var inverse = [Int32](repeating: -1, count: count)
    for (number, index) in order.enumerated() { inverse[Int(index)] = Int32(number) }
    return inverse
  }
}
