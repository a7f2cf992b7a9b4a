internal import Rows

/// Reads one location chunk by chunk, in one pass: decodes, cuts at record ends, digests.
///
/// Not thread-safe: one task reads it at a time. Memory is bounded by the largest record.
public final class RawChunkReader {
  private let location: SourceLocation
  private let format: RecordFormat
  private let seesNames: Bool
  private let contents: any ContentSequence
  private var current: ContentCutter?
  private var isDone = false

  /// - Parameter seesNames: whether rows shall be able to hold the name of their file or member, so that it is part of the context.
  public init(_ location: SourceLocation, format: RecordFormat, seesNames: Bool = false) throws(ReadError) {
    self.location = location
    self.format = format
    self.seesNames = seesNames
    contents = try Contents.open(location)
  }

  /// The next chunk; nil when all has been read. After an error the reader is of no more use.
  public func next() throws(ReadError) -> RawChunk? {
    while !isDone {
      if let chunk = try current?.next() { return chunk }
      current = nil
      guard let content = try contents.next() else {
        isDone = true
        break
      }
      let name = location.name(ofMember: content.member)
      current = try ContentCutter(
        content.stream, name: name, member: content.member, rowsName: name, format: format, seesNames: seesNames, sizeHint: content.sizeHint)
    }
    return nil
  }
}

/// Reads raw chunks again, by their entries; chunks asked for in order cost one pass.
public final class RawChunkFetcher {
  private let location: SourceLocation
  private var contents: (any ContentSequence)?
  private var content: Content?
  private var position = 0

  public init(_ location: SourceLocation) { self.location = location }

  /// The bytes that an entry describes.
  /// - Throws: `ReadError` of kind `changed` when other bytes are there now.
  public func bytes(of entry: RawChunkEntry) throws(ReadError) -> [UInt8] {
    try seek(to: entry)
    var bytes = [UInt8](repeating: 0, count: entry.length)
    try read(into: &bytes, entry)
    position = entry.offset + entry.length
    guard Digest.of(bytes) == entry.digest else { throw changed(entry) }
    return bytes
  }

  private func seek(to entry: RawChunkEntry) throws(ReadError) {
    if content == nil || content?.member != entry.member || position > entry.offset {
      // A plain file goes back without being opened again.
      if let file = content?.stream as? FileStream, content?.member == entry.member {
        file.offset = entry.offset
        position = entry.offset
        return
      }
      try find(entry)
    }
    if let file = content?.stream as? FileStream {
      file.offset = entry.offset
      position = entry.offset
      return
    }
    var scratch = [UInt8](repeating: 0, count: 256 * 1024)
    while position < entry.offset {
      let wanted = min(scratch.count, entry.offset - position)
      let got = try readSome(into: &scratch, count: wanted, from: 0)
      if got == 0 { throw changed(entry) }
      position += got
    }
  }

  /// Goes forward to the entry's member, from the start when it lies behind.
  private func find(_ entry: RawChunkEntry) throws(ReadError) {
    for attempt in 0..<2 {
      if contents == nil || attempt == 1 { contents = try Contents.open(location) }
      while let found = try contents!.next() {
        if found.member == entry.member {
          content = found
          position = 0
          return
        }
      }
    }
    throw changed(entry)
  }

  private func read(into bytes: inout [UInt8], _ entry: RawChunkEntry) throws(ReadError) {
    var filled = 0
    while filled < bytes.count {
      let got = try readSome(into: &bytes, count: bytes.count - filled, from: filled)
      if got == 0 { throw changed(entry) }
      filled += got
    }
  }

  private func readSome(into bytes: inout [UInt8], count: Int, from start: Int) throws(ReadError) -> Int {
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
      .changed, "the content is not what it was when it was read first", in: location.name(ofMember: entry.member), help: "run again: the new content is then read as a whole")
  }
}

/// One decoded content of a location.
struct Content {
  /// Empty for plain files.
  let member: String
  let stream: any ByteStream
  /// About how many bytes will come; a guess is enough.
  let sizeHint: Int
}

/// The contents of a location, one after the other: asking for the next one ends the one before.
protocol ContentSequence: AnyObject {
  func next() throws(ReadError) -> Content?
}

enum Contents {
  static func open(_ location: SourceLocation) throws(ReadError) -> any ContentSequence {
    switch location.content {
    case .file:
      let file = try FileStream(location.path, name: location.name)
      if let compression = FileSuffix.compression(location.name) {
        return SingleContent(Content(member: "", stream: try DecompressedStream(file, compression, name: location.name), sizeHint: 1 << 22))
      }
      return SingleContent(Content(member: "", stream: file, sizeHint: file.size))
    case .members(let glob): return try ArchiveContents(location, glob)
    case .database(let read):
      return SingleContent(Content(member: "", stream: try DatabaseStream(location, read), sizeHint: 1 << 22))
    }
  }
}

/// A location that is one content.
private final class SingleContent: ContentSequence {
  private var content: Content?

  init(_ content: Content) { self.content = content }

  func next() -> Content? {
    defer { content = nil }
    return content
  }
}
