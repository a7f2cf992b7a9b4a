internal import Engine
internal import Rows
internal import Statistics

/// Writes what a merge came to: records in the order of the items, annotators by name.
struct LabelWriter {
  private enum Output: Int { case rows, disagreements, annotators, posteriors, quarantined }

  let rule: MergeRule
  let all: VoteCollection
  let numbered: NumberedVotes
  let merged: MergedVotes
  let writer: TaskWriter
  /// By number: the class as the name of a field, quoted.
  private let classTokens: [[UInt8]]
  private let head: [UInt8]
  /// By annotator: votes on items that have a label, and how many equal it; the same for known answers.
  private var judged: [Int]
  private var equal: [Int]
  private var goldJudged: [Int]
  private var goldEqual: [Int]
  /// By annotator: how many votes, and where in the table one of them stands: the one that arrived first.
  private var voteCounts: [Int]
  private var firstVote: [Int]

  init(rule: MergeRule, all: VoteCollection, numbered: NumberedVotes, merged: MergedVotes, writer: TaskWriter) {
    self.rule = rule
    self.all = all
    self.numbered = numbered
    self.merged = merged
    self.writer = writer
    classTokens = numbered.classes.map { JSONText.quoted(all.labelText(Int($0))) }
    var head: [UInt8] = Array("{\"sheet\":".utf8)
    JSONText.append(rule.sheet, to: &head)
    self.head = head + Array(",\"item\":".utf8)
    judged = Array(repeating: 0, count: numbered.annotators.count)
    (equal, goldJudged, goldEqual, voteCounts) = (judged, judged, judged, judged)
    firstVote = Array(repeating: -1, count: judged.count)
    for vote in 0..<numbered.table.voteCount {
      let annotator = Int(numbered.table.annotators[vote])
      voteCounts[annotator] += 1
      if firstVote[annotator] < 0 || numbered.table.order[vote] < numbered.table.order[firstVote[annotator]] { firstVote[annotator] = vote }
    }
  }

  mutating func write() throws(TaskFailure) {
    for parent in all.dropped { writer.drop(parent, because: "where") }
    for item in 0..<all.items.count { try write(item) }
    for annotator in numbered.annotators.indices { try write(annotator: annotator) }
    for (index, one) in numbered.excluded.enumerated() {
      try writer.emit(to: Output.annotators.rawValue, from: one.first < 0 ? .unknown(index) : all.voteParent(one.first)) { (out) throws(TaskFailure) in
        out += "{\"annotator\":".utf8
        one.name.withUnsafeBytes { JSONText.append($0, to: &out) }
        out += ",\"votes\":\(one.votes),\"excluded\":true}".utf8
      }
    }
    for bad in all.bad { try write(bad) }
    writer.count("items", all.items.count)
    writer.count("votes", numbered.table.voteCount)
    writer.count("annotators", numbered.annotators.count)
    if all.passed > 0 { writer.count("passed", all.passed) }
    if !all.bad.isEmpty { writer.count("quarantined", all.bad.count) }
    let agreement = Agreement(numbered.table)
    var figures = StageFigures()
    for (name, value) in [("alpha", agreement.alpha), ("percent", agreement.percent), ("fleiss", agreement.fleiss)] {
      figures.append(name, value.map { .real($0) } ?? .null)
    }
    var all = StageFigures()
    all.append("agreement", .nested(figures))
    writer.record(all)
  }

  // MARK: Items

  private mutating func write(_ item: Int) throws(TaskFailure) {
    let parent = all.itemParent(item)
    let number = Int(numbered.itemNumbers[item])
    let gold = Int(all.gold[item])
    let votes = number < 0 ? 0..<0 : numbered.table.votes(on: number)
    guard gold >= 0 || !votes.isEmpty else { return writer.drop(parent, because: "no votes") }
    let counts = number < 0 ? [] : merged.counts(of: number)
    var answer: (class: Int, share: Double)?
    if gold >= 0 {
      answer = (Int(numbered.classNumbers[gold]), 1)
    } else {
      let winner = merged.winner(of: number)
      if votes.count < rule.leastVotes {
        writer.drop(parent, because: "min_votes")
      } else if winner.isTied, rule.leavesTies {
        writer.drop(parent, because: "tie")
      } else {
        answer = (winner.class, winner.share)
      }
    }
    if let answer {
      judge(votes, answer.class, isGold: gold >= 0)
      try writeLabel(item, answer, counts, votes, parent, isGold: gold >= 0)
      writer.count("labeled")
    }
    if !votes.isEmpty { try writePosteriors(item, number, parent) }
    if counts.count > 1 { try writeDisagreement(item, answer?.class, counts, votes, parent) }
  }

  private mutating func judge(_ votes: Range<Int>, _ label: Int, isGold: Bool) {
    for vote in votes {
      let annotator = Int(numbered.table.annotators[vote])
      let isEqual = Int(numbered.table.classes[vote]) == label ? 1 : 0
      judged[annotator] += 1
      equal[annotator] += isEqual
      guard isGold else { continue }
      goldJudged[annotator] += 1
      goldEqual[annotator] += isEqual
    }
  }

  private func writeLabel(
    _ item: Int, _ answer: (class: Int, share: Double), _ counts: [(class: Int, count: Int)], _ votes: Range<Int>, _ parent: RowParent, isGold: Bool
  ) throws(TaskFailure) {
    try writer.emit(to: Output.rows.rawValue, from: parent, also: parents(of: votes) + (all.goldParents[item].map { [$0] } ?? [])) { (out) throws(TaskFailure) in
      appendHead(item, to: &out)
      out += ",\"label\":".utf8
      out += all.labels[Int(numbered.classes[answer.class])]
      out += ",\"status\":\"labeled\",\"confidence\":".utf8
      Self.appendMillionths(answer.share, to: &out)
      out += ",\"labeled_by\":\"\(isGold ? "gold" : rule.method.rawValue)\"".utf8
      if let time = lastTime(votes) {
        out += ",\"labeled_at\":".utf8
        time.withUnsafeBytes { JSONText.append($0, to: &out) }
      }
      out += ",\"votes\":{".utf8
      for one in counts {
        JSONBytes.appendKey(classTokens[one.class], to: &out)
        out += String(one.count).utf8
      }
      out += "}}".utf8
    }
  }

  private func writePosteriors(_ item: Int, _ number: Int, _ parent: RowParent) throws(TaskFailure) {
    try writer.emit(to: Output.posteriors.rawValue, from: parent) { (out) throws(TaskFailure) in
      appendHead(item, to: &out)
      out += ",\"posteriors\":{".utf8
      for one in merged.probabilities(of: number) {
        JSONBytes.appendKey(classTokens[one.class], to: &out)
        out += "\(one.share)".utf8
      }
      out += "}}".utf8
    }
  }

  private func writeDisagreement(
    _ item: Int, _ label: Int?, _ counts: [(class: Int, count: Int)], _ votes: Range<Int>, _ parent: RowParent
  ) throws(TaskFailure) {
    writer.count("disagreements")
    let ordered = counts.map(\.count).sorted(by: >)
    let all = Double(votes.count)
    var entropy = 0.0
    for one in counts { entropy -= Double(one.count) / all * Numbers.log(Double(one.count) / all) }
    try writer.emit(to: Output.disagreements.rawValue, from: parent, also: parents(of: votes)) { (out) throws(TaskFailure) in
      appendHead(item, to: &out)
      out += ",\"label\":".utf8
      if let label { out += self.all.labels[Int(numbered.classes[label])] } else { out += JSONBytes.null }
      out += ",\"votes\":{".utf8
      for one in counts {
        JSONBytes.appendKey(classTokens[one.class], to: &out)
        out.append(UInt8(ascii: "["))
        for vote in votes where Int(numbered.table.classes[vote]) == one.class {
          if out.last != UInt8(ascii: "[") { out.append(UInt8(ascii: ",")) }
          Array(self.all.annotators[Int(numbered.annotators[Int(numbered.table.annotators[vote])])]).withUnsafeBytes { JSONText.append($0, to: &out) }
        }
        out.append(UInt8(ascii: "]"))
      }
      out += "},\"margin\":".utf8
      Self.appendMillionths(Double(ordered[0] - ordered[1]) / all, to: &out)
      out += ",\"entropy\":".utf8
      Self.appendMillionths(entropy, to: &out)
      out.append(UInt8(ascii: "}"))
    }
  }

  private func appendHead(_ item: Int, to out: inout [UInt8]) {
    out += head
    Array(all.items[item]).withUnsafeBytes { JSONText.append($0, to: &out) }
    out += ",\"label_type\":\"\(rule.type.name)\"".utf8
  }

  /// In the order of the table, so that neighbours are one entry of the row map.
  private func parents(of votes: Range<Int>) -> [RowParent] {
    votes.map { all.voteParent(numbered.vote($0)) }.sorted { $0.chunk != $1.chunk ? $0.chunk < $1.chunk : $0.row < $1.row }
  }

  /// The greatest time of some votes as it is written.
  private func lastTime(_ votes: Range<Int>) -> [UInt8]? {
    guard !all.voteTimes.isEmpty else { return nil }
    var last: ArraySlice<UInt8>?
    for place in votes {
      let vote = numbered.vote(place)
      guard vote < all.voteTimes.count, all.voteTimes[vote] > 0 else { continue }
      let time = all.times[Int(all.voteTimes[vote]) - 1]
      if last == nil || last!.lexicographicallyPrecedes(time) { last = time }
    }
    return last.map(Array.init)
  }

  // MARK: Annotators

  private func write(annotator: Int) throws(TaskFailure) {
    let table = numbered.table
    let index = Int(numbered.annotators[annotator])
    try writer.emit(to: Output.annotators.rawValue, from: all.voteParent(numbered.vote(firstVote[annotator]))) { (out) throws(TaskFailure) in
      out += "{\"annotator\":".utf8
      Array(all.annotators[index]).withUnsafeBytes { JSONText.append($0, to: &out) }
      out += ",\"votes\":\(voteCounts[annotator]),\"agreement\":".utf8
      Self.append(equal[annotator], of: judged[annotator], to: &out)
      if goldJudged[annotator] > 0 {
        out += ",\"gold_votes\":\(goldJudged[annotator]),\"gold_agreement\":".utf8
        Self.append(goldEqual[annotator], of: goldJudged[annotator], to: &out)
      }
      if !merged.skills.isEmpty {
        out += ",\"skill\":".utf8
        Self.appendMillionths(merged.skills[annotator], to: &out)
      }
      if let model = merged.model {
        out += ",\"accuracy\":".utf8
        Self.appendMillionths(model.accuracy(of: annotator), to: &out)
        // By true class: how often each class is given.
        out += ",\"confusion\":{".utf8
        for truth in 0..<table.classCount {
          JSONBytes.appendKey(classTokens[truth], to: &out)
          out.append(UInt8(ascii: "{"))
          for given in 0..<table.classCount {
            let share = model.error(annotator: annotator, given: given, truth: truth)
            guard share >= Self.leastShown else { continue }
            JSONBytes.appendKey(classTokens[given], to: &out)
            Self.appendMillionths(share, to: &out)
          }
          out.append(UInt8(ascii: "}"))
        }
        out.append(UInt8(ascii: "}"))
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  // MARK: Votes that do not count

  private func write(_ bad: VoteCollection.Bad) throws(TaskFailure) {
    try writer.emit(to: Output.quarantined.rawValue, from: bad.parent) { (out) throws(TaskFailure) in
      out += "{\"item\":".utf8
      bad.item.withUnsafeBytes { JSONText.append($0, to: &out) }
      out += ",\"annotator\":".utf8
      bad.annotator.withUnsafeBytes { JSONText.append($0, to: &out) }
      out += ",\"label\":".utf8
      out += bad.label.isEmpty ? JSONBytes.null : bad.label
      out += ",\"error\":".utf8
      JSONText.append(bad.message, to: &out)
      out.append(UInt8(ascii: "}"))
    }
  }

  // MARK: Numbers

  /// What would be written as 0.
  private static let leastShown = 0.5e-6

  /// A share in millionths: a shift of a sum's last bits moves no byte.
  static func appendMillionths(_ share: Double, to out: inout [UInt8]) { out += "\((share * 1e6).rounded() / 1e6)".utf8 }

  private static func append(_ part: Int, of all: Int, to out: inout [UInt8]) {
    if all == 0 { out += JSONBytes.null } else { appendMillionths(Double(part) / Double(all), to: &out) }
  }
}
