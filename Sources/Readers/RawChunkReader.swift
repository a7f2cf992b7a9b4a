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
