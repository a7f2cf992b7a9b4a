internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The part of a decoded source that is in memory: from the start of the open chunk to what has been read so far.
///
/// Offsets are counted from the start of the open chunk, so they stay valid when bytes move. Memory is bounded by the largest chunk
/// and the largest record.
final class ContentWindow {
  /// A record larger than this is refused: no row is that large, but a binary file or an unclosed quote is.
  static let maximumRecordBytes = 256 * 1024 * 1024

  let name: String
  private let stream: any ByteStream
  private var storage: UnsafeMutableRawPointer
  private var capacity: Int
  private var first = 0
  private var filled = 0
  private(set) var isAtEnd = false
  /// Offset of the open chunk in the decoded content.
  private(set) var offset = 0
  /// Line and column at which the open chunk begins; the column is only followed when `followsColumns`.
  private(set) var line = 1
  private(set) var column = 1
  var followsColumns = false

  init(_ stream: any ByteStream, name: String, sizeHint: Int) {
    self.stream = stream
    self.name = name
    capacity = min(max(sizeHint + 1, 4096), 4 * 1024 * 1024)
    storage = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { storage.deallocate() }

  /// What is in memory.
  @inline(__always)
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: storage + first, count: filled - first) }

  @inline(__always)
  var count: Int { filled - first }

  /// Reads on; false at the end. What was in memory stays, but at another address.
  func more() throws(ReadError) -> Bool {
    if isAtEnd { return false }
    if capacity - filled < capacity / 4 {
      if first > 0 {
        memmove(storage, storage + first, count)
        filled -= first
        first = 0
      }
      if capacity - filled < capacity / 4 {
        capacity *= 2
        guard let larger = realloc(storage, capacity) else {
          throw ReadError(.tooLarge, "there is no memory for a record of \(count) bytes", in: name, line: line)
        }
        storage = larger
      }
    }
    let got = try stream.read(into: UnsafeMutableRawBufferPointer(start: storage + filled, count: capacity - filled))
    if got == 0 { isAtEnd = true }
    filled += got
    return got > 0
  }

  /// Reads until `wanted` bytes are in memory or the content ends.
  func fill(_ wanted: Int) throws(ReadError) {
    while count < wanted { if try !more() { return } }
  }

  /// Leaves the first bytes behind.
  func drop(_ count: Int) {
    let dropped = UnsafeRawBufferPointer(rebasing: bytes[..<count])
    let lines = Lines.count(dropped)
    if followsColumns {
      let lastLine = lines == 0 ? dropped : UnsafeRawBufferPointer(rebasing: dropped[(dropped.lastIndex(of: 0x0A)! + 1)...])
      column = (lines == 0 ? column : 1) + CodePoints.count(lastLine)
    }
    line += lines
    offset += count
    first += count
  }

  /// An error at a place of what is in memory.
  func error(_ kind: ReadError.Kind, _ message: String, at offset: Int, label: String = "", help: String? = nil) -> ReadError {
    let place = TextPlace(in: bytes, at: min(offset, count))
    return ReadError(
      kind, message, in: name, line: line + place.lines, column: place.column + (place.lines == 0 ? column - 1 : 0), excerpt: place.excerpt,
      excerptColumn: place.excerptColumn + (place.lines == 0 ? column - 1 : 0), label: label, help: help)
  }

  /// What to throw when the record that begins at `start` does not end.
  func tooLarge(_ start: Int) -> ReadError {
    error(
      .tooLarge, "a record is larger than \(Self.maximumRecordBytes / 1024 / 1024) MiB", at: start,
      help: "is this the right `format`? A record ends with its line, or with its closing quote or bracket")
  }
}

/// Code points in UTF-8 (and in bytes that claim to be).
enum CodePoints {
  static func count(_ text: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in text where byte & 0xC0 != 0x80 { count &+= 1 }
    return count
  }
}

/// Where an offset is, in lines and columns from the start of some bytes, with the line's text around it.
struct TextPlace {
  /// At most this much of a line is shown before and after a place.
  static let reach = 200

  let lines: Int
  /// From 1.
  let column: Int
  let excerpt: [UInt8]
  let excerptColumn: Int

  init(in text: UnsafeRawBufferPointer, at offset: Int) {
    var start = offset
    while start > 0, text[start - 1] != 0x0A { start -= 1 }
    lines = Lines.count(UnsafeRawBufferPointer(rebasing: text[..<start]))
    column = 1 + CodePoints.count(UnsafeRawBufferPointer(rebasing: text[start..<offset]))
    var lower = max(start, offset - Self.reach)
    while lower > start, text[lower] & 0xC0 == 0x80 { lower -= 1 }
    var upper = offset
    while upper < text.count, upper < offset + Self.reach, text[upper] != 0x0A { upper += 1 }
    while upper < text.count, text[upper] & 0xC0 == 0x80, upper < offset + Self.reach + 4 { upper += 1 }
    if upper > lower, text[upper - 1] == 0x0D { upper -= 1 }
    excerpt = Array(text[lower..<max(lower, upper)])
    excerptColumn = 1 + CodePoints.count(UnsafeRawBufferPointer(rebasing: text[start..<lower]))
  }
}
