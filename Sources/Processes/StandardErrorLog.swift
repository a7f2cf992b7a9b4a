#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Takes a process's standard error: into the log file, and its last lines into memory, secrets blotted out of both.
final class StandardErrorLog {
  static let tailLines = 20
  static let tailLineBytes = 2000

  private let file: Int32
  private let maximumBytes: Int
  private let secrets: [(value: [UInt8], mark: [UInt8])]
  private let longestSecret: Int
  // What may still become part of a secret.
  private var held: [UInt8] = []
  private var written = 0
  private var lines: [[UInt8]] = []
  private var line: [UInt8] = []

  init(path: String?, maximumBytes: Int, secrets: [Command.Secret]) {
    self.maximumBytes = maximumBytes
    file = path.map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? -1
    // Longest first: a secret may be the beginning of another.
    self.secrets = secrets.filter { !$0.value.isEmpty }
      .sorted { $0.value.utf8.count > $1.value.utf8.count }
      .map { (Array($0.value.utf8), Array("<\($0.name)>".utf8)) }
    longestSecret = self.secrets.first?.value.count ?? 0
  }

  deinit { if file >= 0 { close(file) } }

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard longestSecret > 0 else { return keep(Array(bytes)) }
    held += bytes
    let (clean, rest) = Redaction.apply(secrets, to: held, isLast: false)
    held = rest
    keep(clean)
  }

  /// The last lines; nothing more is coming.
  func finish() -> [String] {
    if !held.isEmpty {
      keep(Redaction.apply(secrets, to: held, isLast: true).clean)
      held = []
    }
    var all = lines
    if !line.isEmpty { all.append(line) }
    return all.suffix(Self.tailLines).map { String(decoding: $0, as: UTF8.self) }
  }

  private func keep(_ bytes: [UInt8]) {
    if file >= 0, written < maximumBytes {
      let room = min(bytes.count, maximumBytes - written)
      bytes.withUnsafeBytes { write(all: UnsafeRawBufferPointer(rebasing: $0[..<room])) }
      written += room
      if written == maximumBytes {
        Array("\n(the log ends here: it has reached \(maximumBytes >> 20) MB)\n".utf8).withUnsafeBytes { write(all: $0) }
      }
    }
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(line)
        line.removeAll(keepingCapacity: true)
        if lines.count > Self.tailLines * 2 { lines.removeFirst(Self.tailLines) }
      } else if line.count < Self.tailLineBytes, byte != UInt8(ascii: "\r") {
        line.append(byte)
      }
    }
  }

  private func write(all bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      #if canImport(Glibc)
        let count = Glibc.write(file, bytes.baseAddress! + at, bytes.count - at)
      #elseif canImport(Musl)
        let count = Musl.write(file, bytes.baseAddress! + at, bytes.count - at)
      #else
        let count = Darwin.write(file, bytes.baseAddress! + at, bytes.count - at)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        return  // A log that cannot be written is no reason to lose the work.
      }
      at += count
    }
  }
}

/// Replaces secrets by their names.
public enum Redaction {
  /// A text without the values of the secrets.
  public static func apply(_ secrets: [Command.Secret], to text: String) -> String {
    let marks = secrets.filter { !$0.value.isEmpty }.sorted { $0.value.utf8.count > $1.value.utf8.count }
      .map { (value: Array($0.value.utf8), mark: Array("<\($0.name)>".utf8)) }
    guard !marks.isEmpty else { return text }
    return String(decoding: apply(marks, to: Array(text.utf8), isLast: true).clean, as: UTF8.self)
  }

  /// - Returns: the text that is certain, and the end of it that may still become a secret when more comes.
  static func apply(_ secrets: [(value: [UInt8], mark: [UInt8])], to text: [UInt8], isLast: Bool) -> (clean: [UInt8], rest: [UInt8]) {
    var clean: [UInt8] = []
    clean.reserveCapacity(text.count)
    var at = 0
    scan: while at < text.count {
      for secret in secrets where secret.value[0] == text[at] {
        let left = text.count - at
        if left >= secret.value.count {
          if text[at..<(at + secret.value.count)].elementsEqual(secret.value) {
            clean += secret.mark
            at += secret.value.count
            continue scan
          }
        } else if !isLast, text[at...].elementsEqual(secret.value[..<left]) {
          return (clean, Array(text[at...]))
        }
      }
      clean.append(text[at])
      at += 1
    }
    return (clean, [])
  }
}
