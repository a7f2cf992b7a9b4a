internal import Rows
internal import Statistics

/// What some rows hold in one column: numbers by value, everything else by its JSON text.
struct FieldSample {
  /// A column whose texts are nearly all different (ids, sentences) has no distribution to compare; only columns that nobody named are
  /// given up.
  static let maximumTexts = 1000
  private static let firstCount = 12

  private(set) var numbers: [Double] = []
  private(set) var counted: [ValueCounts] = []
  private(set) var texts: [[UInt8]: Int] = [:]
  /// The first few texts, beside the table: most columns of categories have no more, and comparing bytes is quicker than hashing them.
  private var first: [(text: [UInt8], count: Int)] = []
  /// Lists and objects.
  private(set) var structures = 0
  /// Whether texts were given up.
  private(set) var isFull = false

  /// - Parameter isBounded: nobody asked for this column: more texts than ``maximumTexts`` are not kept.
  mutating func add(_ value: JSONView, isBounded: Bool) {
    switch value.kind {
    case .null: break
    case .number: numbers.append(JSONNumber.double(value.bytes))
    case .string, .bool:
      guard !isFull, !countAgain(value.bytes) else { return }
      count(value, isBounded: isBounded)
    case .array, .object: structures += 1
    }
  }

  /// Whether a text is one of the first few, which is then counted.
  private mutating func countAgain(_ text: UnsafeRawBufferPointer) -> Bool {
    for place in first.indices where first[place].text.count == text.count && first[place].text.elementsEqual(text) {
      first[place].count += 1
      return true
    }
    return false
  }

  private mutating func count(_ value: JSONView, isBounded: Bool) {
    var key = Array(value.bytes)
    // Two ways of writing one text are one value.
    if key.contains(UInt8(ascii: "\\")), let text = value.string {
      key = JSONText.quoted(text)
      if key.withUnsafeBytes({ countAgain($0) }) { return }
    }
    if first.count < Self.firstCount { first.append((key, 1)) } else { texts[key, default: 0] += 1 }
    if isBounded, texts.count + first.count > Self.maximumTexts { giveUp() }
  }

  private mutating func giveUp() {
    isFull = true
    texts = [:]
    first = []
  }

  /// Whether nothing but numbers was seen.
  var isNumeric: Bool { texts.isEmpty && first.isEmpty && !isFull && structures == 0 }

  /// All numbers, counted.
  var values: ValueCounts { ValueCounts(merging: counted + (numbers.isEmpty ? [] : [ValueCounts(numbers)])) }

  /// Adds what was read elsewhere; both are as ``encode(into:)`` left them.
  mutating func merge(_ other: FieldSample, isBounded: Bool) {
    numbers += other.numbers
    counted += other.counted
    structures += other.structures
    isFull = isFull || other.isFull
    for (text, count) in other.texts { texts[text, default: 0] += count }
    if isFull || isBounded && texts.count > Self.maximumTexts { giveUp() }
  }

  /// Every value as a category, with its count: numbers by their shortest text.
  var categories: [[UInt8]: Int] {
    var all = texts
    let values = values
    for (value, count) in zip(values.values, values.counts) { all[Array("\(value)".utf8), default: 0] += count }
    return all
  }

  // MARK: Bytes

  func encode(into writer: inout ByteWriter) {
    let values = values
    var texts = texts
    for (text, count) in first { texts[text, default: 0] += count }
    writer.number(values.values.count)
    for (value, count) in zip(values.values, values.counts) {
      writer.word(value.bitPattern)
      writer.number(count)
    }
    writer.number(texts.count)
    for (text, count) in texts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      writer.blob(text)
      writer.number(count)
    }
    writer.number(structures)
    writer.number(isFull ? 1 : 0)
  }

  init() {}

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    let distinct = try reader.count()
    var values: [Double] = []
    var counts: [Int] = []
    values.reserveCapacity(distinct)
    counts.reserveCapacity(distinct)
    for _ in 0..<distinct {
      values.append(Double(bitPattern: try reader.word()))
      counts.append(try reader.number())
    }
    if distinct > 0 { counted = [ValueCounts(values: values, counts: counts)] }
    for _ in 0..<(try reader.count()) { texts[try reader.blob()] = try reader.number() }
    structures = try reader.number()
    isFull = try reader.number() == 1
  }
}
