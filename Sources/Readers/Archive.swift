internal import CArchive

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// libarchive's reader over one of our streams: decompresses a single stream, or walks the members of an archive.
final class ArchiveReader: ByteStream {
  /// Decoded content beyond this is refused.
  static let maximumDecodedBytes = 1 << 40
  /// A compression ratio beyond this is refused once ``ratioMatters`` bytes came out: gzip cannot honestly exceed 1,032, and text
  /// that compresses better than this says nothing. Bombs do.
  static let maximumRatio = 1000
  static let ratioMatters = 64 * 1024 * 1024
  private static let bufferBytes = 256 * 1024

  enum Mode { case stream(FileSuffix.Compression), members(String) }

  /// What messages are about: the archive, or the member that is being read.
  var name: String
  private let source: any ByteStream
  private let mode: Mode
  private let archive: OpaquePointer
  private let buffer: UnsafeMutableRawPointer
  private var consumed = 0
  private var produced = 0
  /// The last bytes that went in: gzip ends with its check.
  private(set) var lastInput: [UInt8] = []
  /// An error of our own from inside a callback: libarchive can only carry a number.
  private var failure: ReadError?

  init(_ source: any ByteStream, _ mode: Mode, name: String) throws(ReadError) {
    self.source = source
    self.mode = mode
    self.name = name
    guard let archive = archive_read_new() else { throw ReadError(.tooLarge, "there is no memory to unpack it", in: name) }
    self.archive = archive
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
    try open()
  }

  deinit {
    archive_read_free(archive)
    buffer.deallocate()
  }

  private func open() throws(ReadError) {
    switch mode {
    case .stream(let compression):
      support(compression)
      archive_read_support_format_raw(archive)
      archive_read_support_format_empty(archive)
    case .members(let suffix):
      let compressions: [String: FileSuffix.Compression] = ["tgz": .gz, "tbz2": .bz2, "tbz": .bz2, "txz": .xz, "tzst": .zst]
      switch suffix {
      case "zip": archive_read_support_format_zip_seekable(archive)
      case "7z": archive_read_support_format_7zip(archive)
      default:
        archive_read_support_format_tar(archive)
        archive_read_support_format_empty(archive)
        if let compression = FileSuffix.Compression(rawValue: suffix) ?? compressions[suffix] { support(compression) }
      }
    }
    archive_read_set_callback_data(archive, Unmanaged.passUnretained(self).toOpaque())
    archive_read_set_read_callback(archive) { _, data, out in
      Unmanaged<ArchiveReader>.fromOpaque(data!).takeUnretainedValue().feed(out!)
    }
    if source is FileStream {
      archive_read_set_seek_callback(archive) { _, data, offset, whence in
        Unmanaged<ArchiveReader>.fromOpaque(data!).takeUnretainedValue().seek(offset, whence)
      }
    }
    try check(inUTF8 { archive_read_open1(archive) })
  }

  private func support(_ compression: FileSuffix.Compression) {
    switch compression {
    case .gz: archive_read_support_filter_gzip(archive)
    case .bz2: archive_read_support_filter_bzip2(archive)
    case .xz: archive_read_support_filter_xz(archive)
    case .zst: archive_read_support_filter_zstd(archive)
    }
  }

  private func feed(_ out: UnsafeMutablePointer<UnsafeRawPointer?>) -> la_ssize_t {
    do throws(ReadError) {
      let target = UnsafeMutableRawBufferPointer(start: buffer, count: Self.bufferBytes)
      let count = try source.read(into: target)
      consumed += count
      lastInput = Array((lastInput + target[max(0, count - 8)..<count]).suffix(8))
      out.pointee = UnsafeRawPointer(buffer)
      return count
    } catch {
      failure = error
      return -1
    }
  }

  private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
    guard let file = source as? FileStream else { return Int64(ARCHIVE_FATAL) }
    switch whence {
    case SEEK_SET: file.offset = Int(offset)
    case SEEK_CUR: file.offset += Int(offset)
    default: file.offset = file.size + Int(offset)
    }
    guard file.offset >= 0 else { return Int64(ARCHIVE_FATAL) }
    return Int64(file.offset)
  }

  /// What filters were found to be needed: none means that the content is not compressed at all.
  var isCompressed: Bool { archive_filter_code(archive, 0) != ARCHIVE_FILTER_NONE }

  /// The next member; nil at the end.
  func nextEntry() throws(ReadError) -> OpaquePointer? {
    var entry: OpaquePointer?
    let result = inUTF8 { archive_read_next_header(archive, &entry) }
    if result == ARCHIVE_EOF { return nil }
    try check(result)
    return entry
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int {
    let count = inUTF8 { archive_read_data(archive, target.baseAddress, target.count) }
    // A warning here is a check sum that does not match: as bad as any error.
    if count < 0 { try check(ARCHIVE_FATAL) }
    produced += count
    if produced > Self.ratioMatters, produced / Self.maximumRatio > max(consumed, 1) {
      throw ReadError(
        .tooLarge, "it unpacks to more than \(Self.maximumRatio) times its size", in: name, help: "if it is not a decompression bomb, unpack it before `pipe` reads it")
    }
    if produced > Self.maximumDecodedBytes {
      throw ReadError(.tooLarge, "it unpacks to more than \(Self.maximumDecodedBytes >> 40) TiB", in: name, help: "split it")
    }
    return count
  }

  /// Warnings pass: libarchive warns about attributes of members that nobody reads here.
  private func check(_ result: Int32) throws(ReadError) {
    if let failure { throw failure }
    guard result < ARCHIVE_WARN else { return }
    throw ReadError(.archive, describe(archive_error_string(archive).map { String(cString: $0) } ?? ""), in: name, help: help)
  }

  private var help: String? { "is it complete? Compare its size or checksum with the original" }

  private func describe(_ text: String) -> String {
    let lower = text.lowercased()
    let what: String =
      switch mode {
      case .stream(let compression): "\(compression.rawValue) data"
      case .members(let suffix): "\(suffix) archive"
      }
    if lower.contains("truncated") { return "the \(what) ends too early" }
    if lower.contains("unrecognized archive format") { return "this is no \(what), or its beginning or end is missing" }
    if lower.contains("crc") { return "the \(what) is damaged: the content does not match its check sum" }
    if lower.contains("passphrase") || lower.contains("encrypt") { return "the \(what) is encrypted" }
    return text.isEmpty ? "the \(what) is damaged" : "the \(what) is damaged: \(lower)"
  }

  /// libarchive turns member names into the locale's character set; with the C locale it would lose everything but ASCII. The
  /// thread's locale is set for the length of a call: the process's belongs to the program.
  private func inUTF8<Value>(_ body: () -> Value) -> Value {
    let before = uselocale(Self.utf8)
    defer { uselocale(before) }
    return body()
  }

  #if canImport(Darwin)
    nonisolated(unsafe) private static let utf8 = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", nil)
  #else
    // LC_CTYPE_MASK is a macro that Swift does not see.
    nonisolated(unsafe) private static let utf8 = newlocale(1 << LC_CTYPE, "C.UTF-8", nil)
  #endif
}

/// A compressed stream's content.
final class DecompressedStream: ByteStream {
  private let reader: ArchiveReader
  private let compression: FileSuffix.Compression
  private let source: any ByteStream
  private var isEmpty = false
  private var check = GzipCheck()

  init(_ source: any ByteStream, _ compression: FileSuffix.Compression, name: String) throws(ReadError) {
    self.compression = compression
    self.source = source
    reader = try ArchiveReader(source, .stream(compression), name: name)
    isEmpty = try reader.nextEntry() == nil
    guard isEmpty || reader.isCompressed else {
      throw ReadError(
        .archive, "this is not \(compression.rawValue) data, whatever its name says", in: name, help: "drop `.\(compression.rawValue)` from the name if it is plain text")
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int {
    let count = isEmpty ? 0 : try reader.read(into: buffer)
    guard compression == .gz else { return count }
    check.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    // A member of an archive is only read once; a gzip file of several members is rare there, and its archive has sums of its own.
    if count == 0, let file = source as? FileStream, !check.matches(reader.lastInput) { try GzipCheck.verifyMembers(of: file) }
    return count
  }
}

/// The members of an archive that a pattern meets, in the archive's order.
final class ArchiveContents: ContentSequence {
  /// More members than this are refused: their names are held in memory.
  static let maximumMembers = 10_000_000
  private static let shown = 3
  /// AE_IFREG, which Swift does not see as a macro with a cast.
  private let regularFile = mode_t(0o100000)

  private let location: SourceLocation
  private let glob: Glob
  private let reader: ArchiveReader
  private var seen: Set<String> = []
  private var members = 0
  private var others: [String] = []
  private var found = false

  init(_ location: SourceLocation, _ glob: Glob) throws(ReadError) {
    self.location = location
    self.glob = glob
    let file = try FileStream(location.path, name: location.name)
    reader = try ArchiveReader(file, .members(FileSuffix.last(location.name)), name: location.name)
  }

  func next() throws(ReadError) -> Content? {
    reader.name = location.name
    while let entry = try reader.nextEntry() {
      members += 1
      guard members <= Self.maximumMembers else { throw ReadError(.tooLarge, "the archive has more than \(Self.maximumMembers) members", in: location.name) }
      guard archive_entry_filetype(entry) == regularFile, archive_entry_hardlink(entry) == nil else { continue }
      let member = try name(of: entry)
      guard glob.matches(member) else {
        if others.count <= Self.shown { others.append(member) }
        continue
      }
      let shownName = location.name(ofMember: member)
      guard seen.insert(member).inserted else {
        throw ReadError(.archive, "this member is twice in the archive", in: shownName, help: "pack it again: which of the two is meant cannot be known")
      }
      if archive_entry_is_data_encrypted(entry) != 0 {
        throw ReadError(.archive, "this member is encrypted", in: shownName, help: "unpack it with its password before `pipe` reads it")
      }
      found = true
      reader.name = shownName
      let size = archive_entry_size_is_set(entry) != 0 ? Int(archive_entry_size(entry)) : 1 << 20
      if let compression = FileSuffix.compression(member) {
        return Content(member: member, stream: try DecompressedStream(reader, compression, name: shownName), sizeHint: 1 << 20)
      }
      return Content(member: member, stream: reader, sizeHint: size)
    }
    guard found else {
      let names = others.prefix(Self.shown).map { "`\($0)`" }.joined(separator: ", ")
      throw ReadError(
        .notFound, "no member matches `\(glob.text)`", in: location.name,
        help: others.isEmpty ? "the archive has no files" : "the archive holds \(names)" + (others.count > Self.shown ? " …" : ""))
    }
    return nil
  }

  /// The name of a member; raw bytes first, as libarchive's own conversion would replace what the locale lacks.
  private func name(of entry: OpaquePointer) throws(ReadError) -> String {
    guard let raw = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry), let name = String(validatingCString: raw) else {
      throw ReadError(.archive, "the name of member \(members) is not UTF-8", in: location.name, help: "pack it again with UTF-8 names")
    }
    return name.utf8.starts(with: "./".utf8) ? String(name.dropFirst(2)) : name
  }
}
