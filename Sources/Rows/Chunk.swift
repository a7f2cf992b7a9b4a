/// What a table says of one of its chunks.
public struct ChunkRef: Hashable, Sendable {
  /// SHA-256 of the chunk's bytes.
  public let digest: Digest
  public let bytes: Int
  public let rows: Int

  public init(digest: Digest, bytes: Int, rows: Int) {
    self.digest = digest
    self.bytes = bytes
    self.rows = rows
  }
}

/// Some rows as they lie in a table: compact JSON objects, each ended by a newline.
public struct Chunk: Sendable {
  public let bytes: [UInt8]
  /// Offset just after each row's newline.
  public let rowEnds: [Int32]

  /// Finds the rows in a chunk's bytes. Complexity: one pass.
  public init(bytes: [UInt8]) {
    var ends: [Int32] = []
    bytes.withUnsafeBytes { Lines.forEachEnd($0) { ends.append(Int32($0)) } }
    self.bytes = bytes
    self.rowEnds = ends
  }

  public init(bytes: [UInt8], rowEnds: [Int32]) {
    self.bytes = bytes
    self.rowEnds = rowEnds
  }

  public var rowCount: Int { rowEnds.count }

  /// The byte range of a row, without its newline.
  @inline(__always)
  public func range(ofRow row: Int) -> Range<Int> { (row == 0 ? 0 : Int(rowEnds[row - 1]))..<(Int(rowEnds[row]) - 1) }

  /// Calls `body` with each row's bytes, without the newline, in order.
  @inlinable
  public func forEachRow<Failure: Error>(
    _ body: (_ ordinal: Int, _ row: UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    let result = bytes.withUnsafeBytes { buffer -> Result<Void, Failure> in
      var start = 0
      for ordinal in 0..<rowEnds.count {
        let end = Int(rowEnds[ordinal])
        do throws(Failure) {
          try body(ordinal, UnsafeRawBufferPointer(rebasing: buffer[start..<(end - 1)]))
        } catch { return .failure(error) }
        start = end
      }
      return .success(())
    }
    try result.get()
  }
}

/// Line ends in bytes.
public enum Lines {
  /// Calls `body` with the offset just after each newline, and with the end when the last line has none.
  @inlinable
  public static func forEachEnd(_ text: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
    var at = 0
    while let end = nextEnd(text, from: at) {
      body(end)
      at = end
    }
    if at < text.count { body(text.count) }
  }

  /// The offset just after the next newline at or after `from`.
  public static func nextEnd(_ text: UnsafeRawBufferPointer, from: Int) -> Int? {
    guard let base = text.baseAddress else { return nil }
    let end = text.count
    var at = from
    while at &+ 8 <= end {
      let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
      let hit = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if hit != 0 { return at &+ (UInt64(littleEndian: hit).trailingZeroBitCount >> 3) &+ 1 }
      at &+= 8
    }
    while at < end {
      if base.load(fromByteOffset: at, as: UInt8.self) == 0x0A { return at &+ 1 }
      at &+= 1
    }
    return nil
  }

  /// How many newlines there are.
  public static func count(_ text: UnsafeRawBufferPointer) -> Int {
    guard let base = text.baseAddress else { return 0 }
    var count = 0
    var at = 0
    while at &+ 8 <= text.count {
      let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
      // Exact per byte: the high bit survives only where the byte is zero.
      let zero = ~((word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7F7F_7F7F_7F7F_7F7F | word | 0x7F7F_7F7F_7F7F_7F7F)
      count &+= zero.nonzeroBitCount
      at &+= 8
    }
    while at < text.count {
      if base.load(fromByteOffset: at, as: UInt8.self) == 0x0A { count &+= 1 }
      at &+= 1
    }
    return count
  }
}
