public import Rows

/// What is known of one raw chunk: enough to read it again, to name it in keys, and to say where its records stand.
public struct RawChunkEntry: Sendable, Hashable {
  /// SHA-256 of the bytes.
  public let digest: Digest
  /// What parsing needs beside the bytes; equal files have equal contexts. Belongs into keys together with the digest.
  public let context: [UInt8]
  /// The member of an archive; empty otherwise. The members of one archive come in the archive's order: whoever makes a table of
  /// them sorts stably by this first (``RawChunkEntry/precedes(_:_:)``).
  public let member: String
  /// Where the bytes begin in the decoded content.
  public let offset: Int
  /// How many bytes there are.
  public let length: Int
  /// How many records that make rows (or bad rows) there are.
  public let records: Int
  /// The line on which the bytes begin, from 1.
  public let startLine: Int
  /// The column at which they begin, from 1; only JSON has chunks that begin within a line.
  public let startColumn: Int

  /// Whether all of one member's chunks come before another's in a table.
  public static func precedes(_ a: RawChunkEntry, _ b: RawChunkEntry) -> Bool {
    a.member == b.member ? a.offset < b.offset : precedesByBytes(a.member, b.member)
  }

  public init(
    digest: Digest, context: [UInt8], member: String, offset: Int, length: Int, records: Int, startLine: Int, startColumn: Int
  ) {
    self.digest = digest
    self.context = context
    self.member = member
    self.offset = offset
    self.length = length
    self.records = records
    self.startLine = startLine
    self.startColumn = startColumn
  }

  /// Appends the entry to a record.
  public func encode(into writer: inout ByteWriter) {
    writer.digest(digest)
    writer.blob(context)
    writer.text(member)
    for number in [offset, length, records, startLine, startColumn] { writer.number(number) }
  }

  /// Reads what ``encode(into:)`` wrote.
  public init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    digest = try reader.digest()
    context = try reader.blob()
    member = try reader.text()
    offset = try reader.number()
    length = try reader.number()
    records = try reader.number()
    startLine = try reader.number()
    startColumn = try reader.number()
  }
}

/// A verbatim part of a source's decoded content that begins and ends with whole records.
public struct RawChunk: Sendable {
  public let bytes: [UInt8]
  public let entry: RawChunkEntry

  public init(bytes: [UInt8], entry: RawChunkEntry) {
    self.bytes = bytes
    self.entry = entry
  }
}
