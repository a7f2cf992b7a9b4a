import Diagnostics
import Reports
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// When to use colours.
enum ColorChoice: String, CaseIterable, Sendable {
  case auto, always, never
}

/// Standard output or standard error, and who reads it.
struct Console: Sendable {
  let descriptor: Int32
  let isTerminal: Bool
  /// Cells per line, where a person has a terminal or says `COLUMNS`.
  let width: Int?

  private static let color = Mutex<ColorChoice>(.auto)

  static let output = Console(1)
  static let errors = Console(2)

  /// `--color`, known once the command line is read.
  static func use(_ choice: ColorChoice) { color.withLock { $0 = choice } }

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    self.isTerminal = isatty(descriptor) == 1
    if let columns = Environment["COLUMNS"].flatMap({ Int($0) }), columns > 0 {
      self.width = columns
    } else if isTerminal {
      var size = winsize()
      self.width = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    } else {
      self.width = nil
    }
  }

  /// The width of help texts.
  var columns: Int { min(width ?? 100, 120) }

  var usesColor: Bool {
    switch Self.color.withLock({ $0 }) {
    case .always: true
    case .never: false
    // https://no-color.org
    case .auto: isTerminal && (Environment["NO_COLOR"] ?? "").isEmpty && Environment["TERM"] != "dumb"
    }
  }

  var style: TerminalStyle { TerminalStyle(usesColor: usesColor, width: width) }
  var renderer: DiagnosticRenderer { DiagnosticRenderer(color: usesColor, width: width ?? 120) }

  func write(_ text: String) { write(Array(text.utf8)) }

  /// Writes all of it. When the reader has gone, the program ends as if by SIGPIPE, without a word.
  func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
      var at = 0
      while at < buffer.count {
        let count = systemWrite(descriptor, buffer.baseAddress! + at, buffer.count - at)
        if count >= 0 {
          at += count
          continue
        }
        if errno == EINTR { continue }
        if errno == EAGAIN {
          var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = systemPoll(&poll, 1, -1)
          continue
        }
        if errno == EPIPE { exit(ExitStatus.signal(SIGPIPE)) }
        // A full disk under a redirected output: nobody is left to tell but the status.
        exit(ExitStatus.failed)
      }
    }
  }
}

// Inside a type with a method of the same name, these would mean the method.
private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, buffer, count) }
private func systemPoll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ milliseconds: Int32) -> Int32 { poll(descriptors, nfds_t(count), milliseconds) }

/// Environment variables.
enum Environment {
  static subscript(name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
