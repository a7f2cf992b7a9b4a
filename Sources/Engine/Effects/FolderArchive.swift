#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder as one file whose bytes depend on nothing but names and contents: a tar (POSIX ustar, pax where a name is too long) with sorted
/// names, no times, no owners, and only the executable bit of modes.
public enum FolderArchive {
  /// Why a folder is no archive, or an archive no folder.
  public struct Failure: Error, Sendable {
    public let message: String
    public init(_ message: String) { self.message = message }
  }

  /// A file or folder in an archive.
  public struct Entry: Sendable, Equatable {
    /// From the folder; folders end with a slash.
    public let path: String
    public let bytes: Int
    public let isExecutable: Bool
    public var isFolder: Bool { path.hasSuffix("/") }
  }

  static let blockBytes = 512
  private static let pieceBytes = 1 << 20
  /// Deeper folders are a link's or a mistake's doing.
  private static let greatestDepth = 64

  // MARK: packing

  /// What is in a folder, sorted by the bytes of its path. Links to files count as the files.
  public static func entries(of folder: String) throws(Failure) -> [Entry] {
    var found: [Entry] = []
    try collect(folder, "", 0, &found)
    return found.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  private static func collect(_ folder: String, _ prefix: String, _ depth: Int, _ found: inout [Entry]) throws(Failure) {
    guard depth < greatestDepth else { throw Failure("`\(prefix)` lies deeper than \(greatestDepth) folders") }
    for name in Workspace.names(in: folder + "/" + prefix, hidden: true) {
      let path = prefix + name
      var status = stat()
      guard stat(folder + "/" + path, &status) == 0 else { throw Failure("`\(path)` cannot be read: \(String(cString: strerror(errno)))") }
      switch status.st_mode & S_IFMT {
      case S_IFREG: found.append(Entry(path: path, bytes: Int(status.st_size), isExecutable: status.st_mode & 0o100 != 0))
      case S_IFDIR:
        var link = stat()
        if lstat(folder + "/" + path, &link) == 0, link.st_mode & S_IFMT == S_IFLNK { throw Failure("`\(path)` is a link to a folder: copy what belongs to the result") }
        found.append(Entry(path: path + "/", bytes: 0, isExecutable: true))
        try collect(folder, path + "/", depth + 1, &found)
      default: throw Failure("`\(path)` is neither a file nor a folder")
      }
    }
  }

  /// Gives the archive's bytes to `body`, piece by piece.
  public static func pack<Problem: Error>(
    _ folder: String, _ entries: [Entry], _ body: (UnsafeRawBufferPointer) throws(Problem) -> Void
  ) throws(Problem) -> Failure? {
    for entry in entries {
      try lend(header(entry), body)
      if entry.isFolder { continue }
      guard let file = fopen(folder + "/" + entry.path, "r") else { return Failure("`\(entry.path)` cannot be read: \(String(cString: strerror(errno)))") }
      defer { fclose(file) }
      var piece = [UInt8](repeating: 0, count: min(pieceBytes, max(1, entry.bytes)))
      var left = entry.bytes
      while left > 0 {
        let count = fread(&piece, 1, min(piece.count, left), file)
        guard count > 0 else { return Failure("`\(entry.path)` became shorter while it was read") }
        left -= count
        try lend(count == piece.count ? piece : Array(piece[..<count]), body)
      }
      guard getc(file) == EOF else { return Failure("`\(entry.path)` became longer while it was read") }
      let rest = entry.bytes % blockBytes
      if rest > 0 { try lend([UInt8](repeating: 0, count: blockBytes - rest), body) }
    }
    try lend([UInt8](repeating: 0, count: 2 * blockBytes), body)
    return nil
  }

  private static func lend<Problem: Error>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(Problem) -> Void) throws(Problem) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, Problem> in
      do throws(Problem) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    try result.get()
  }

  static func header(_ entry: Entry) -> [UInt8] {
    let name = Array(entry.path.utf8)
    let isLarge = entry.bytes >= 1 << 33
    guard name.count > 100 || isLarge else { return block(name, type: entry.isFolder ? "5" : "0", bytes: entry.bytes, mode: entry.isExecutable ? 0o755 : 0o644) }
    var records: [UInt8] = record("path", name)
    if isLarge { records += record("size", Array(String(entry.bytes).utf8)) }
    let padding = (blockBytes - records.count % blockBytes) % blockBytes
    return block(Array("pax".utf8), type: "x", bytes: records.count, mode: 0o644) + records + [UInt8](repeating: 0, count: padding)
      + block(Array(name.prefix(100)), type: entry.isFolder ? "5" : "0", bytes: isLarge ? 0 : entry.bytes, mode: entry.isExecutable ? 0o755 : 0o644)
  }

  /// A pax record: its own length, the name, the value.
  private static func record(_ name: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(name)=".utf8) + value + [UInt8(ascii: "\n")]
    var length = rest.count + 1
    while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
    return Array(String(length).utf8) + rest
  }

  private static func block(_ name: [UInt8], type: Character, bytes: Int, mode: Int) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockBytes)
    func put(_ text: [UInt8], _ at: Int) { for (index, byte) in text.enumerated() { block[at + index] = byte } }
    func octal(_ value: Int, _ digits: Int) -> [UInt8] {
      let text = String(value, radix: 8)
      return Array((String(repeating: "0", count: digits - text.utf8.count) + text).utf8)
    }
    put(name, 0)
    put(octal(mode, 7), 100)
    put(octal(0, 7), 108)
    put(octal(0, 7), 116)
    put(octal(bytes, 11), 124)
    put(octal(0, 11), 136)
    put(Array("        ".utf8), 148)
    put([type.asciiValue!], 156)
    put(Array("ustar".utf8), 257)
    put(Array("00".utf8), 263)
    put(octal(block.reduce(0) { $0 + Int($1) }, 6) + [0, UInt8(ascii: " ")], 148)
    return block
  }

  // MARK: unpacking

  /// Takes an archive's bytes, cut anywhere, and makes the folder again.
  public struct Unpacker: ~Copyable {
    private let folder: String?
    private var pending: [UInt8] = []
    private var file: UnsafeMutablePointer<FILE>?
    private var left = 0
    private var padding = 0
    private var extended: [UInt8]?
    private var name: [UInt8]?
    private var size: Int?
    private var isOver = false
    /// What has come so far.
    public private(set) var entries: [Entry] = []

    /// - Parameter folder: where to; nil only lists.
    public init(into folder: String?) {
      self.folder = folder
      if let folder { Unpacker.makeFolders(folder) }
    }

    deinit { if let file { fclose(file) } }

    public mutating func take(_ bytes: [UInt8]) throws(Failure) {
      var at = 0
      while at < bytes.count, !isOver {
        if left > 0 {
          let count = min(left, bytes.count - at)
          if extended != nil {
            extended! += bytes[at..<(at + count)]
          } else if let file {
            let written = bytes.withUnsafeBytes { fwrite($0.baseAddress! + at, 1, count, file) }
            guard written == count else { throw Failure("`\(entries.last!.path)` could not be written: \(String(cString: strerror(errno)))") }
          }
          left -= count
          at += count
          if left == 0 { try endOfContent() }
        } else if padding > 0 {
          let count = min(padding, bytes.count - at)
          padding -= count
          at += count
        } else {
          let count = min(FolderArchive.blockBytes - pending.count, bytes.count - at)
          pending += bytes[at..<(at + count)]
          at += count
          if pending.count == FolderArchive.blockBytes {
            let block = pending
            pending = []
            try begin(block)
          }
        }
      }
    }

    /// Ends; the archive must have been whole.
    public mutating func finish() throws(Failure) {
      guard isOver else { throw Failure("the archive is cut short") }
    }

    private mutating func begin(_ block: [UInt8]) throws(Failure) {
      if block.allSatisfy({ $0 == 0 }) {
        isOver = true
        return
      }
      func number(_ range: Range<Int>) -> Int? { Int(String(decoding: block[range].filter { $0 != 0 && $0 != 0x20 }, as: UTF8.self), radix: 8) }
      let sum = block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int(block[$1])) }
      guard number(148..<156) == sum, var bytes = number(124..<136) else { throw Failure("this is no archive of a folder") }
      let type = block[156]
      if type == UInt8(ascii: "x") {
        extended = []
        left = bytes
        padding = (FolderArchive.blockBytes - bytes % FolderArchive.blockBytes) % FolderArchive.blockBytes
        return
      }
      if let size { bytes = size }
      let path = String(decoding: name ?? Array(block[..<100].prefix { $0 != 0 }), as: UTF8.self)
      (name, size) = (nil, nil)
      guard !path.hasPrefix("/"), !path.split(separator: "/").contains(".."), !path.isEmpty else { throw Failure("the archive names `\(path)`, which lies outside") }
      let isExecutable = (number(100..<108) ?? 0) & 0o100 != 0
      entries.append(Entry(path: path, bytes: bytes, isExecutable: isExecutable))
      if let folder {
        if path.hasSuffix("/") {
          Unpacker.makeFolders(folder + "/" + path.dropLast())
        } else {
          Unpacker.makeFolders(Workspace.parent(folder + "/" + path))
          guard let opened = fopen(folder + "/" + path, "w") else { throw Failure("`\(path)` could not be written: \(String(cString: strerror(errno)))") }
          if isExecutable { fchmod(fileno(opened), 0o755) }
          file = opened
        }
      }
      left = bytes
      padding = (FolderArchive.blockBytes - bytes % FolderArchive.blockBytes) % FolderArchive.blockBytes
      if left == 0 { try endOfContent() }
    }

    private mutating func endOfContent() throws(Failure) {
      if let records = extended {
        extended = nil
        var at = records.startIndex
        while at < records.endIndex, let space = records[at...].firstIndex(of: 0x20), let length = Int(String(decoding: records[at..<space], as: UTF8.self)),
          length > 0, at + length <= records.endIndex
        {
          let record = records[(space + 1)..<(at + length - 1)]
          if let equals = record.firstIndex(of: UInt8(ascii: "=")) {
            let value = Array(record[(equals + 1)...])
            switch String(decoding: record[..<equals], as: UTF8.self) {
            case "path": name = value
            case "size": size = Int(String(decoding: value, as: UTF8.self))
            default: break
            }
          }
          at += length
        }
        return
      }
      if let open = file {
        file = nil
        guard fclose(open) == 0 else { throw Failure("`\(entries.last!.path)` could not be written: \(String(cString: strerror(errno)))") }
      }
    }

    private static func makeFolders(_ path: String) {
      var at = path.hasPrefix("/") ? "" : "."
      for part in path.split(separator: "/") {
        at += "/" + part
        mkdir(at, 0o777)
      }
    }
  }
}
