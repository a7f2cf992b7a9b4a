internal import Rows

/// Reads raw chunks again, by their entries; chunks asked for in order cost one pass.
///
/// Members of an archive that are asked for in another order than the archive's are unpacked once into a temporary file.
public final class RawChunkFetcher {
  private let location: SourceLocation
  private var contents: (any ContentSequence)?
  private var content: Content?
  private var position = 0
  private var spool: ArchiveSpool?

  public init(_ location: SourceLocation) { self.location = location }

  /// The bytes that an entry describes.
  /// - Throws: `ReadError` of kind `changed` when other bytes are there now.
  public func bytes(of entry: RawChunkEntry) throws(ReadError) -> [UInt8] {
    try seek(to: entry)
    var bytes = [UInt8](repeating: 0, count: entry.length)
    var filled = 0
    while filled < bytes.count {
      let got = try read(into: &bytes, from: filled, count: bytes.count - filled)
      if got == 0 { throw changed(entry) }
      filled += got
    }
    position = entry.offset + entry.length
    guard Digest.of(bytes) == entry.digest else { throw changed(entry) }
    return bytes
  }

  private func seek(to entry: RawChunkEntry) throws(ReadError) {
    let isHere = content?.member == entry.member && content != nil
    if !isHere || (position > entry.offset && !(content?.stream is any SeekableStream)) { try find(entry) }
    if let stream = content?.stream as? any SeekableStream {
      stream.offset = entry.offset
      position = entry.offset
      return
    }
    var scratch = [UInt8](repeating: 0, count: 256 * 1024)
    while position < entry.offset {
      let got = try read(into: &scratch, from: 0, count: min(scratch.count, entry.offset - position))
      if got == 0 { throw changed(entry) }
      position += got
    }
  }

  /// Makes the entry's content the current one, at its start.
  private func find(_ entry: RawChunkEntry) throws(ReadError) {
    content = nil
    position = 0
    if let spool { return try take(spool, entry) }
    let isFirst = contents == nil
    if contents == nil { contents = try Contents.open(location) }
    if try advance(to: entry) { return }
    // It lies behind, or is not there.
    if case .members = location.content, !isFirst {
      let spool = try ArchiveSpool(location)
      self.spool = spool
      contents = nil
      return try take(spool, entry)
    }
    guard !isFirst else { throw changed(entry) }
    contents = try Contents.open(location)
    guard try advance(to: entry) else { throw changed(entry) }
  }

  private func advance(to entry: RawChunkEntry) throws(ReadError) -> Bool {
    while let found = try contents!.next() {
      if found.member == entry.member {
        content = found
        return true
      }
    }
    return false
  }

  private func take(_ spool: ArchiveSpool, _ entry: RawChunkEntry) throws(ReadError) {
    guard let stream = spool.stream(ofMember: entry.member) else { throw changed(entry) }
    content = Content(member: entry.member, stream: stream, sizeHint: 0)
  }

  private func read(into bytes: inout [UInt8], from start: Int, count: Int) throws(ReadError) -> Int {
    let stream = content!.stream
    let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, ReadError> in
      do throws(ReadError) {
        return .success(try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start..<(start + count)])))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  private func changed(_ entry: RawChunkEntry) -> ReadError {
    ReadError(
      .changed, "the content is not what it was when it was read first", in: location.name(ofMember: entry.member),
      help: "run again: the new content is then read as a whole")
  }
}

/// The members of an archive, unpacked into one temporary file.
final class ArchiveSpool {
  fileprivate final class File {
    let descriptor: Int32
    init() throws(System.Failure) { descriptor = try System.temporaryFile() }
    deinit { System.close(descriptor) }
  }

  /// A member's part of the file.
  final class Stream: SeekableStream {
    private let file: File
    private let name: String
    private let start: Int
    private let length: Int
    var offset = 0

    fileprivate init(_ file: File, name: String, start: Int, length: Int) {
      self.file = file
      self.name = name
      self.start = start
      self.length = length
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int {
      let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<max(0, min(buffer.count, length - offset))])
      guard wanted.count > 0 else { return 0 }
      do {
        let count = try System.read(file.descriptor, into: wanted, at: start + offset)
        offset += count
        return count
      } catch { throw ReadError(.unreadable, "its unpacked copy cannot be read: \(error.text)", in: name) }
    }
  }

  private let location: SourceLocation
  private let file: File
  private var members: [String: Range<Int>] = [:]

  init(_ location: SourceLocation) throws(ReadError) {
    self.location = location
    do { file = try File() } catch { throw ArchiveSpool.full(location, error) }
    let contents = try Contents.open(location)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var end = 0
    // Small members go to the file together.
    var waiting = 0
    while let content = try contents.next() {
      let start = end
      while true {
        if buffer.count - waiting < Self.leastRead { try write(buffer, &waiting, upTo: end) }
        let count = try content.stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[waiting...]))
        if count == 0 { break }
        waiting += count
        end += count
      }
      members[content.member] = start..<end
    }
    try write(buffer, &waiting, upTo: end)
  }

  private static let leastRead = 64 << 10

  private func write(_ buffer: UnsafeMutableRawBufferPointer, _ waiting: inout Int, upTo end: Int) throws(ReadError) {
    do { try System.write(file.descriptor, UnsafeRawBufferPointer(rebasing: buffer[..<waiting]), at: end - waiting) } catch {
      throw ArchiveSpool.full(location, error)
    }
    waiting = 0
  }

  func stream(ofMember member: String) -> Stream? {
    members[member].map { Stream(file, name: location.name(ofMember: member), start: $0.lowerBound, length: $0.count) }
  }

  private static func full(_ location: SourceLocation, _ failure: System.Failure) -> ReadError {
    ReadError(
      .unreadable, "it cannot be unpacked to a temporary file: \(failure.text)", in: location.name,
      help: "`TMPDIR` names a folder with room for the unpacked members")
  }
}
