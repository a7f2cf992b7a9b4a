/// Verifies the check sums of gzip members (RFC 1952), which libarchive leaves out: without this a flipped bit in a compressed file
/// that still decodes would become rows.
///
/// A file of one member, as nearly all are, is checked while it is read: the sum of what came out against the file's last bytes. Only
/// when these differ the file is walked again, member by member.
struct GzipCheck {
  private var sum = CRC32()
  private var count: UInt32 = 0

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    sum.add(bytes)
    count &+= UInt32(truncatingIfNeeded: bytes.count)
  }

  /// Whether the content is what the last eight bytes of the compressed data say.
  func matches(_ trailer: [UInt8]) -> Bool {
    guard trailer.count == 8 else { return false }
    return trailer.withUnsafeBytes {
      UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) == sum.value
        && UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) == count
    }
  }

  /// Walks all members of a file.
  /// - Throws: `ReadError` for a member whose content does not match its sum, and for what follows the last one.
  static func verifyMembers(of file: FileStream) throws(ReadError) {
    var input = BitInput(file)
    var member = 0
    while try !input.isAtEnd() {
      member += 1
      let header = try input.bytes(10)
      guard header[0] == 0x1F, header[1] == 0x8B, header[2] == 8 else {
        // Zeros pad tapes; anything else is part of a member that is lost.
        if header.allSatisfy({ $0 == 0 }) { return }
        throw damaged(file, "what follows member \(member - 1) is no gzip data")
      }
      let flags = header[3]
      if flags & 4 != 0 {
        let length = try input.bytes(2)
        _ = try input.bytes(Int(length[0]) | Int(length[1]) << 8)
      }
      if flags & 8 != 0 { while try input.bytes(1)[0] != 0 {} }
      if flags & 16 != 0 { while try input.bytes(1)[0] != 0 {} }
      if flags & 2 != 0 { _ = try input.bytes(2) }
      var check = GzipCheck()
      do throws(Inflate.Damaged) {
        var inflate = Inflate()
        try inflate.run(&input) { check.add($0) }
      } catch {
        if let failure = input.failure { throw failure }
        throw damaged(file, "member \(member) cannot be decoded")
      }
      input.align()
      guard check.matches(try input.bytes(8)) else { throw damaged(file, "the content of member \(member) does not match its check sum") }
    }
  }

  private static func damaged(_ file: FileStream, _ what: String) -> ReadError {
    ReadError(.archive, "the gz data is damaged: \(what)", in: file.name, help: "is it complete? Compare its size or checksum with the original")
  }
}

/// CRC-32 as gzip and zip use it (polynomial 0xEDB88320), eight bytes at a time.
struct CRC32 {
  private var state: UInt32 = ~0

  var value: UInt32 { ~state }

  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
      tables[index] = value
    }
    for index in 0..<256 {
      for slice in 1..<8 {
        let before = tables[(slice - 1) * 256 + index]
        tables[slice * 256 + index] = before >> 8 ^ tables[Int(before & 0xFF)]
      }
    }
    return tables
  }()

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    var state = state
    CRC32.tables.withUnsafeBufferPointer { table in
      var at = 0
      while at &+ 8 <= bytes.count {
        let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ UInt64(state)
        state =
          table[7 * 256 + Int(word & 0xFF)] ^ table[6 * 256 + Int(word >> 8 & 0xFF)] ^ table[5 * 256 + Int(word >> 16 & 0xFF)]
          ^ table[4 * 256 + Int(word >> 24 & 0xFF)] ^ table[3 * 256 + Int(word >> 32 & 0xFF)] ^ table[2 * 256 + Int(word >> 40 & 0xFF)]
          ^ table[256 + Int(word >> 48 & 0xFF)] ^ table[Int(word >> 56)]
        at &+= 8
      }
      while at < bytes.count {
        state = state >> 8 ^ table[Int((state ^ UInt32(base.load(fromByteOffset: at, as: UInt8.self))) & 0xFF)]
        at &+= 1
      }
    }
    self.state = state
  }
}

/// Bits of a file, lowest first.
struct BitInput {
  private let file: FileStream
  private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
  private var at = 0
  private var end = 0
  private var offset = 0
  private var held: UInt32 = 0
  private var heldCount: UInt32 = 0
  /// What kept a byte from being read.
  private(set) var failure: ReadError?

  init(_ file: FileStream) { self.file = file }

  mutating func isAtEnd() throws(ReadError) -> Bool {
    if at < end { return false }
    let file = file
    let offset = offset
    let result = buffer.withUnsafeMutableBytes { buffer -> Result<Int, ReadError> in
      do throws(ReadError) { return .success(try file.read(into: buffer, at: offset)) } catch { return .failure(error) }
    }
    at = 0
    end = try result.get()
    self.offset += end
    return end == 0
  }

  /// Whole bytes; the bits held are empty then.
  mutating func bytes(_ count: Int) throws(ReadError) -> [UInt8] {
    var found: [UInt8] = []
    while found.count < count {
      if try isAtEnd() {
        throw ReadError(.archive, "the gz data ends too early", in: file.name, help: "is it complete? Compare its size or checksum with the original")
      }
      found.append(buffer[at])
      at += 1
    }
    return found
  }

  /// Leaves the rest of a byte.
  mutating func align() {
    held = 0
    heldCount = 0
  }

  @inline(__always)
  mutating func bits(_ count: UInt32) throws(Inflate.Damaged) -> UInt32 {
    while heldCount < count {
      if at == end {
        do throws(ReadError) { if try isAtEnd() { throw ReadError(.archive, "the gz data ends too early", in: file.name) } } catch {
          failure = error
          throw Inflate.Damaged()
        }
      }
      held |= UInt32(buffer[at]) << heldCount
      at += 1
      heldCount += 8
    }
    let value = held & ((1 << count) - 1)
    held >>= count
    heldCount -= count
    return value
  }
}

/// Decodes DEFLATE (RFC 1951); plain rather than fast, as it only runs to verify.
struct Inflate {
  struct Damaged: Error {}

  /// A canonical Huffman code: how many codes of each length, and the symbols in order.
  private struct Code {
    var counts = [UInt16](repeating: 0, count: 16)
    var symbols: [UInt16] = []

    init(lengths: ArraySlice<UInt8>) {
      for length in lengths { counts[Int(length)] += 1 }
      counts[0] = 0
      for length in 1..<16 {
        for (symbol, candidate) in lengths.enumerated() where candidate == length { symbols.append(UInt16(symbol)) }
      }
    }

    func next(_ input: inout BitInput) throws(Damaged) -> Int {
      var code = 0
      var first = 0
      var index = 0
      for length in 1..<16 {
        code |= Int(try input.bits(1))
        let count = Int(counts[length])
        if code - count < first { return Int(symbols[index + code - first]) }
        index += count
        first = (first + count) << 1
        code <<= 1
      }
      throw Damaged()
    }
  }

  private static let windowBytes = 32 * 1024
  private var window = [UInt8](repeating: 0, count: Inflate.windowBytes)
  private var at = 0
  private var written = 0

  /// Decodes up to the end of the stream; gives what comes out piece by piece.
  mutating func run(_ input: inout BitInput, _ emit: (UnsafeRawBufferPointer) -> Void) throws(Damaged) {
    while true {
      let isLast = try input.bits(1) == 1
      switch try input.bits(2) {
      case 0: try stored(&input, emit)
      case 1: try compressed(&input, Self.fixedLiterals, Self.fixedDistances, emit)
      case 2:
        let (literals, distances) = try dynamicCodes(&input)
        try compressed(&input, literals, distances, emit)
      default: throw Damaged()
      }
      if isLast { break }
    }
    window.withUnsafeBytes { emit(UnsafeRawBufferPointer(rebasing: $0[..<at])) }
    at = 0
  }

  private mutating func put(_ byte: UInt8, _ emit: (UnsafeRawBufferPointer) -> Void) {
    window[at] = byte
    at += 1
    written += 1
    if at == Self.windowBytes {
      window.withUnsafeBytes { emit($0) }
      at = 0
    }
  }

  private mutating func stored(_ input: inout BitInput, _ emit: (UnsafeRawBufferPointer) -> Void) throws(Damaged) {
    input.align()
    let length = try input.bits(16)
    guard try input.bits(16) == ~length & 0xFFFF else { throw Damaged() }
    for _ in 0..<length { put(UInt8(try input.bits(8)), emit) }
  }

  private static let fixedLiterals = Code(
    lengths: ([UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112) + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8))[...])
  private static let fixedDistances = Code(lengths: [UInt8](repeating: 5, count: 30)[...])
  private static let lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
  private static let lengthBases = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
  private static let lengthBits: [UInt32] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
  ]
  private static let distanceBits: [UInt32] = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]

  private func dynamicCodes(_ input: inout BitInput) throws(Damaged) -> (Code, Code) {
    let literals = Int(try input.bits(5)) + 257
    let distances = Int(try input.bits(5)) + 1
    let count = Int(try input.bits(4)) + 4
    var lengths = [UInt8](repeating: 0, count: 19)
    for index in 0..<count { lengths[Self.lengthOrder[index]] = UInt8(try input.bits(3)) }
    let code = Code(lengths: lengths[...])
    lengths = []
    while lengths.count < literals + distances {
      let symbol = try code.next(&input)
      switch symbol {
      case 0..<16: lengths.append(UInt8(symbol))
      case 16:
        guard let last = lengths.last else { throw Damaged() }
        lengths += [UInt8](repeating: last, count: 3 + Int(try input.bits(2)))
      case 17: lengths += [UInt8](repeating: 0, count: 3 + Int(try input.bits(3)))
      default: lengths += [UInt8](repeating: 0, count: 11 + Int(try input.bits(7)))
      }
    }
    guard lengths.count == literals + distances else { throw Damaged() }
    return (Code(lengths: lengths[..<literals]), Code(lengths: lengths[literals...]))
  }

  private mutating func compressed(
    _ input: inout BitInput, _ literals: Code, _ distances: Code, _ emit: (UnsafeRawBufferPointer) -> Void
  ) throws(Damaged) {
    while true {
      let symbol = try literals.next(&input)
      if symbol == 256 { return }
      if symbol < 256 {
        put(UInt8(symbol), emit)
        continue
      }
      guard symbol - 257 < Self.lengthBases.count else { throw Damaged() }
      let length = Self.lengthBases[symbol - 257] + Int(try input.bits(Self.lengthBits[symbol - 257]))
      let code = try distances.next(&input)
      guard code < Self.distanceBases.count else { throw Damaged() }
      let distance = Self.distanceBases[code] + Int(try input.bits(Self.distanceBits[code]))
      guard distance <= written else { throw Damaged() }
      for _ in 0..<length { put(window[(at - distance + Self.windowBytes) % Self.windowBytes], emit) }
    }
  }
}
