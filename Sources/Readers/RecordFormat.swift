/// How the bytes of a source are records.
public enum RecordFormat: Sendable, Hashable {
  /// One JSON object per line; blank lines are skipped.
  case jsonl
  /// A JSON array of objects, found at `rows` (keys from the outermost in), or one object alone.
  case json(rows: [String])
  /// RFC 4180 and its dialects.
  case csv(CSVDialect)
  case text(TextUnit)
  /// JSON Lines that ``DatabaseStream`` writes for a table or a query.
  case database

  /// One row per line (`{"text"}`) or per file (`{"path","text"}`).
  public enum TextUnit: Sendable, Hashable {
    case line
    case file
  }

  /// Whether rows hold the name of their file or member, so that it belongs into keys.
  public var seesNames: Bool { self == .text(.file) }

  /// The format that a file's name tells, or nil. A compression's suffix is looked through: `x.csv.gz` is CSV.
  public init?(fileName: String) {
    let bare = FileSuffix.bare(fileName)
    switch FileSuffix.last(bare) {
    case "jsonl", "ndjson": self = .jsonl
    case "json": self = .json(rows: [])
    case "csv": self = .csv(CSVDialect())
    case "tsv", "tab": self = .csv(CSVDialect(delimiter: 0x09))
    case "txt", "text", "md": self = .text(.line)
    default: return nil
    }
  }

  /// Suffixes that ``init(fileName:)`` knows, for messages.
  public static let knownSuffixes = ["jsonl", "ndjson", "json", "csv", "tsv", "txt", "md"]
}

/// What a CSV file looks like.
public struct CSVDialect: Sendable, Hashable {
  /// Where the names of the columns come from.
  public enum Header: Sendable, Hashable {
    /// The first record.
    case firstRecord
    /// Nowhere: `column_1`, `column_2`, …
    case none
    /// Given; the first record is data.
    case names([String])
  }

  /// One ASCII byte.
  public var delimiter: UInt8
  /// One ASCII byte; nil when quotes mean nothing.
  public var quote: UInt8?
  public var header: Header
  /// An unquoted cell with exactly this text is null.
  public var null: String?

  public init(delimiter: UInt8 = 0x2C, quote: UInt8? = 0x22, header: Header = .firstRecord, null: String? = nil) {
    precondition(delimiter < 0x80 && delimiter != 0x0A && delimiter != 0x0D && delimiter != quote, "a delimiter is one ASCII character")
    self.delimiter = delimiter
    self.quote = quote
    self.header = header
    self.null = null
  }
}

/// What the end of a file's name says of its content.
enum FileSuffix {
  enum Compression: String, CaseIterable { case gz, bz2, xz, zst }

  /// The last suffix in lower case, without its dot; empty when there is none.
  static func last(_ name: String) -> String {
    var name = name
    return name.withUTF8 { bytes in
      var end = bytes.count
      while end > 0, bytes[end - 1] == UInt8(ascii: "/") { end -= 1 }
      var dot = end - 1
      while dot >= 0, bytes[dot] != UInt8(ascii: "."), bytes[dot] != UInt8(ascii: "/") { dot -= 1 }
      // A name that begins with its only dot is hidden, and has no suffix.
      guard dot > 0, bytes[dot] == UInt8(ascii: "."), bytes[dot - 1] != UInt8(ascii: "/") else { return "" }
      return String(decoding: bytes[(dot + 1)..<end], as: UTF8.self).lowercased()
    }
  }

  /// How a file is compressed, by its name.
  static func compression(_ name: String) -> Compression? { Compression(rawValue: last(name)) }

  /// The name without a compression's suffix.
  static func bare(_ name: String) -> String {
    compression(name).map { String(name.dropLast($0.rawValue.count + 1)) } ?? name
  }

  /// Whether a name is that of an archive with members.
  static func isArchive(_ name: String) -> Bool {
    switch last(name) {
    case "zip", "7z", "tgz", "tbz2", "tbz", "txz", "tzst", "tar": true
    case let suffix: Compression(rawValue: suffix) != nil && last(bare(name)) == "tar"
    }
  }
}
