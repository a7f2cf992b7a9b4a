internal import Diagnostics
internal import Engine
internal import Rows

/// `sample`: a part of the rows that depends on their identities alone.
///
/// A row's number is the first 64 bits of SHA-256(seed ‖ 0x00 ‖ row id). `share` without `by` keeps the numbers below the share;
/// otherwise the smallest numbers are kept: `rows` of all, or of each value of `by` in proportion (largest remainder). Rows of equal
/// identity are kept or left together.
struct Sample: Sendable {
  enum Size: Sendable, Equatable {
    case rows(Int)
    case share(Double)
  }

  let size: Size
  let by: String?
  let seed: Int
  private let byToken: [UInt8]

  init?(_ setting: Setting?, _ steps: RowSteps, _ reader: inout SettingReader) {
    guard let setting else { return nil }
    if let rows = setting.entry("rows")?.int {
      size = .rows(rows)
    } else if let share = setting.entry("share")?.double {
      size = .share(share)
    } else {
      return nil
    }
    by = setting.entry("by")?.text
    byToken = JSONText.quoted(by ?? "")
    seed = setting.entry("seed")?.int ?? 0
    if needsPreparation { checkJoins(setting, steps, &reader) }
  }

  /// Whether something about all rows has to be known before one can be kept.
  var needsPreparation: Bool { by != nil || size != .share(size.share ?? 0) }

  /// Which rows there are is found out chunk by chunk, without the side tables: nothing may depend on them.
  private func checkJoins(_ setting: Setting, _ steps: RowSteps, _ reader: inout SettingReader) {
    for join in steps.joins {
      let reason: String
      if join.how != .left {
        reason = "a join with `how: \(join.how.rawValue)` drops rows"
      } else if join.many == .all {
        reason = "a join with `many: all` adds rows"
      } else if let used = join.columns?.first(where: { steps.variables.contains($0.name) || $0.name == by }) {
        reason = "`\(used.name)` comes from a join"
      } else if join.columns == nil, !steps.variables.isEmpty || by != nil {
        reason = "what comes from a join without `columns` is not known"
      } else {
        continue
      }
      reader.report(
        setting.problem(
          "sample-join", "`sample` counts rows before side tables are looked up, but \(reason)",
          help: "sample in a stage of its own: { kind: ingest, from: \"${stages.\(reader.stage.stageName)}\", sample: … }"))
      return
    }
  }

  /// A row's number.
  static func hash(_ identity: [UInt8], seed: Int) -> UInt64 {
    var builder = DigestBuilder()
    builder.update(Array(String(seed).utf8) + [0])
    builder.update(identity)
    return builder.finish().prefix64
  }

  // MARK: What all chunks have to agree on

  /// The numbers at which to cut; nil when none is needed.
  func preparation(of work: IngestWork) -> Preparation? {
    guard needsPreparation else { return nil }
    return Preparation(
      partial: { (chunk) throws(TaskFailure) in try work.sampleCounts(chunk, self).encoded },
      merge: { partials in cutoffs(SampleCounts(merging: partials, keeping: limit)).encoded })
  }

  /// How many of the smallest numbers of a value are ever needed.
  var limit: Int {
    if case .rows(let rows) = size { rows } else { Int.max }
  }

  /// The value by which rows are parted; all rows are one part without `by`.
  func stratum(of row: UnsafeRawBufferPointer) throws(RowFault) -> [UInt8] {
    guard let by else { return [] }
    guard let range = JSONScanner.value(of: byToken, in: row) else {
      throw .failure(TaskFailure(id: "no-column", message: "the row has no column `\(by)` to sample by"))
    }
    return Array(row[range])
  }

  /// For each value of `by` the largest number that is kept.
  func cutoffs(_ counts: SampleCounts) -> SampleCutoffs {
    let strata = counts.strata.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var quotas = strata.map { stratum -> Int in
      if case .share(let share) = size { return Int((share * Double(stratum.value.count)).rounded()) }
      return 0
    }
    if case .rows(let wanted) = size { quotas = Self.allotted(wanted, strata.map(\.value.count)) }
    var cutoffs = SampleCutoffs()
    for (stratum, quota) in zip(strata, quotas) where quota > 0 {
      let smallest = stratum.value.smallest.sorted()
      cutoffs.largest[stratum.key] = smallest[min(quota, smallest.count) - 1]
    }
    return cutoffs
  }

  /// A number of seats in proportion to counts, by largest remainder; of equal remainders the first wins.
  static func allotted(_ seats: Int, _ counts: [Int]) -> [Int] {
    let total = counts.reduce(0, +)
    guard seats < total else { return counts }
    // 128 bits: a product of two row counts may not fit into 64.
    var shares = counts.map { count in UInt64(total).dividingFullWidth(UInt64(seats).multipliedFullWidth(by: UInt64(count))) }
    var left = seats - shares.reduce(0) { $0 + Int($1.quotient) }
    for index in shares.indices.sorted(by: { (shares[$0].remainder, $1) > (shares[$1].remainder, $0) }) where left > 0 {
      shares[index].quotient += 1
      left -= 1
    }
    return shares.map { Int($0.quotient) }
  }

  /// Whether a row is in the sample.
  func keeps(_ row: UnsafeRawBufferPointer, _ hash: UInt64, _ cutoffs: SampleCutoffs?) throws(RowFault) -> Bool {
    guard let cutoffs else {
      let share = size.share ?? 1
      return share >= 1 || hash < UInt64(share * 0x1p64)
    }
    guard let largest = cutoffs.largest[try stratum(of: row)] else { return false }
    return hash <= largest
  }
}

extension Sample.Size {
  var share: Double? { if case .share(let share) = self { share } else { nil } }
}

/// How many rows each value of `by` has, and their smallest numbers.
struct SampleCounts: Sendable {
  struct Stratum: Sendable {
    var count = 0
    var smallest: [UInt64] = []
  }

  private(set) var strata: [[UInt8]: Stratum] = [:]

  init() {}

  mutating func add(_ hash: UInt64, to stratum: [UInt8]) {
    strata[stratum, default: Stratum()].count += 1
    strata[stratum, default: Stratum()].smallest.append(hash)
  }

  /// Forgets the numbers that can never be among the smallest.
  mutating func trim(to limit: Int) {
    for key in strata.keys where strata[key]!.smallest.count > limit {
      strata[key]!.smallest.sort()
      strata[key]!.smallest.removeSubrange(limit...)
    }
  }

  init(merging partials: [[UInt8]], keeping limit: Int) {
    for partial in partials {
      var reader = ByteReader(partial)
      do throws(ByteReader.Malformed) {
        for _ in 0..<(try reader.count()) {
          let key = try reader.blob()
          var stratum = strata[key] ?? Stratum()
          stratum.count += try reader.number()
          for _ in 0..<(try reader.count()) { stratum.smallest.append(try reader.word()) }
          strata[key] = stratum
        }
      } catch { preconditionFailure("a partial is what `encoded` wrote") }
      // Memory stays within a few times the sample, however many chunks there are.
      if strata.values.contains(where: { $0.smallest.count / 4 > limit }) { trim(to: limit) }
    }
    trim(to: limit)
  }

  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.number(strata.count)
    for (key, stratum) in strata.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      writer.blob(key)
      writer.number(stratum.count)
      writer.number(stratum.smallest.count)
      for hash in stratum.smallest.sorted() { writer.word(hash) }
    }
    return writer.bytes
  }
}

/// For each value of `by` the largest number that is in the sample.
struct SampleCutoffs: Sendable {
  var largest: [[UInt8]: UInt64] = [:]

  init() {}

  init(decoding bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    do throws(ByteReader.Malformed) {
      for _ in 0..<(try reader.count()) { largest[try reader.blob()] = try reader.word() }
    } catch { preconditionFailure("cut-offs are what `encoded` wrote") }
  }

  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.number(largest.count)
    for (key, hash) in largest.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      writer.blob(key)
      writer.word(hash)
    }
    return writer.bytes
  }
}
