extension TextClassifier {
  /// Why bytes are no classifier.
  public enum DecodingFailure: Error, Sendable, Equatable {
    /// They do not begin as a classifier's do.
    case notAClassifier
    /// They are a classifier of a later version of `pipe`.
    case unknownVersion(Int)
    /// Some of them are missing or were changed.
    case damaged

    /// What a person should read, without the file.
    public var message: String {
      switch self {
      case .notAClassifier: "this is no model of the embedded classifier"
      case .unknownVersion(let version): "this model has format \(version), and this `pipe` reads format \(TextClassifier.formatVersion)"
      case .damaged: "this model is damaged: its checksum does not match its bytes"
      }
    }
  }

  static let formatVersion = 1
  private static let magic = Array("pipe-classifier\n".utf8)

  /// The classifier as bytes: the same ones for the same classifier on every machine.
  ///
  /// `pipe-classifier\n`, then the format version, names of fields, features, classes, named features, step sizes and biases, then bucket by bucket its
  /// weights, and 8 bytes of checksum. Whole numbers are LEB128, buckets and classes are written as distances, floats are four bytes,
  /// the least first.
  public var encoded: [UInt8] {
    var out = Self.magic
    func number(_ value: Int) {
      var rest = UInt64(value)
      while rest >= 0x80 {
        out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      out.append(UInt8(rest))
    }
    func float(_ value: Float) { withUnsafeBytes(of: value.bitPattern.littleEndian) { out += $0 } }
    func bytes(_ value: [UInt8]) {
      number(value.count)
      out += value
    }
    number(Self.formatVersion)
    number(fields.count)
    for name in fields { bytes(Array(name.utf8)) }
    number(features.words)
    number(features.characters)
    number(features.buckets)
    number(texts)
    number(classes.count)
    for name in classes { bytes(name) }
    for named in strongest {
      number(named.count)
      for feature in named {
        bytes(feature.text)
        float(feature.weight)
      }
    }
    for size in parameters.stepSizes { float(size) }
    for bias in parameters.biases { float(bias) }
    number(parameters.buckets.count)
    var previous = -1
    for (place, bucket) in parameters.buckets.enumerated() {
      number(Int(bucket) - previous - 1)
      previous = Int(bucket)
      number(Int(parameters.frequencies[place]))
      let range = Int(parameters.weightStarts[place])..<Int(parameters.weightStarts[place + 1])
      number(range.count)
      var last = -1
      for at in range {
        number(Int(parameters.weightClasses[at]) - last - 1)
        last = Int(parameters.weightClasses[at])
        out.append(UInt8(bitPattern: parameters.weightSteps[at]))
      }
    }
    withUnsafeBytes(of: Self.checksum(out[...]).littleEndian) { out += $0 }
    return out
  }

  /// Reads back what ``encoded`` wrote.
  public init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    guard bytes.starts(with: Self.magic) else { throw .notAClassifier }
    var reader = Reader(bytes: bytes, at: Self.magic.count)
    let version = try reader.number(below: .max)
    guard version == Self.formatVersion else { throw .unknownVersion(version) }
    guard bytes.count >= Self.magic.count + 8 else { throw .damaged }
    reader.end = bytes.count - 8
    var sum: UInt64 = 0
    for at in stride(from: bytes.count - 1, through: reader.end, by: -1) { sum = sum << 8 | UInt64(bytes[at]) }
    guard sum == Self.checksum(bytes[..<reader.end]) else { throw .damaged }

    var fields: [String] = []
    for _ in 0..<(try reader.count(below: 1 << 16)) { fields.append(String(decoding: try reader.text(), as: UTF8.self)) }
    let features = Features(
      words: try reader.number(below: 256), characters: try reader.number(below: 256), buckets: try reader.number(below: Features.maxBuckets + 1))
    let texts = try reader.number(below: 1 << 40)
    let count = try reader.count(below: 1 << 16 + 1)
    guard count > 0, features.buckets > 0 else { throw .damaged }
    var classes: [[UInt8]] = []
    for _ in 0..<count { classes.append(try reader.text()) }
    var strongest: [[NamedFeature]] = []
    for _ in 0..<count {
      var named: [NamedFeature] = []
      for _ in 0..<(try reader.count(below: 1 << 16)) { named.append(NamedFeature(text: try reader.text(), weight: try reader.float())) }
      strongest.append(named)
    }
    var parameters = Parameters()
    for _ in 0..<count { parameters.stepSizes.append(try reader.float()) }
    for _ in 0..<count { parameters.biases.append(try reader.float()) }
    var bucket = -1
    for _ in 0..<(try reader.count(below: features.buckets + 1)) {
      bucket += 1 + (try reader.number(below: features.buckets))
      guard bucket < features.buckets else { throw .damaged }
      parameters.buckets.append(UInt32(bucket))
      parameters.frequencies.append(UInt32(try reader.number(below: 1 << 32)))
      var index = -1
      for _ in 0..<(try reader.count(below: count + 1)) {
        index += 1 + (try reader.number(below: count))
        guard index < count else { throw .damaged }
        parameters.weightClasses.append(UInt16(index))
        parameters.weightSteps.append(Int8(bitPattern: try reader.byte()))
      }
      parameters.weightStarts.append(UInt32(parameters.weightSteps.count))
    }
    guard reader.at == reader.end else { throw .damaged }
    self.init(classes: classes, fields: fields, features: features, texts: texts, strongest: strongest, parameters: parameters)
  }

  /// FNV-1a, mixed: it notices accidents, not intent; against intent stands the store's SHA-256.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash ^ (hash >> 32)
  }

  private struct Reader {
    let bytes: [UInt8]
    var at: Int
    var end: Int

    init(bytes: [UInt8], at: Int) {
      self.bytes = bytes
      self.at = at
      end = bytes.count
    }

    mutating func byte() throws(DecodingFailure) -> UInt8 {
      guard at < end else { throw .damaged }
      at += 1
      return bytes[at - 1]
    }

    mutating func number(below limit: Int) throws(DecodingFailure) -> Int {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while true {
        let next = try byte()
        guard shift < 63 else { throw .damaged }
        value |= UInt64(next & 0x7F) << shift
        shift += 7
        if next < 0x80 { break }
      }
      guard let number = Int(exactly: value), number < limit else { throw .damaged }
      return number
    }

    /// A number of things of at least one byte each, so that a wrong one asks for no memory.
    mutating func count(below limit: Int) throws(DecodingFailure) -> Int {
      let count = try number(below: limit)
      guard count <= end - at else { throw .damaged }
      return count
    }

    mutating func text() throws(DecodingFailure) -> [UInt8] {
      let count = try count(below: .max)
      at += count
      return Array(bytes[(at - count)..<at])
    }

    mutating func float() throws(DecodingFailure) -> Float {
      var bits: UInt32 = 0
      for shift in [0, 8, 16, 24] as [UInt32] { bits |= UInt32(try byte()) << shift }
      let value = Float(bitPattern: bits)
      guard value.isFinite else { throw .damaged }
      return value
    }
  }
}
