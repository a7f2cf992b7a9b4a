/// Bytes being written, with room made once per record instead of once per byte.
struct OutputBuffer: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer
  private var capacity: Int
  /// How many bytes are written; only ``commit(_:)`` moves it.
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(capacity, 4096)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  /// Makes room for more bytes, and gives where they go.
  @inline(__always)
  mutating func room(_ more: Int) -> UnsafeMutableRawPointer {
    if capacity - count < more { grow(more) }
    return base + count
  }

  private mutating func grow(_ more: Int) {
    capacity = max(capacity * 2, count + more)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = larger
  }

  /// Says up to where bytes have been written.
  @inline(__always)
  mutating func commit(_ end: UnsafeMutableRawPointer) { count = end - base }

  /// What was written.
  consuming func bytes() -> [UInt8] { [UInt8](UnsafeRawBufferPointer(start: base, count: count)) }
}
