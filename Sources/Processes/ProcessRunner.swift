/// Runs one command from start to end, its standard input and output streaming through the caller.
public struct ProcessRunner: Sendable {
  public let command: Command
  public let oversight: Oversight

  public init(_ command: Command, _ oversight: Oversight = Oversight()) {
    self.command = command
    self.oversight = oversight
  }

  /// Runs the command. Reading and writing never wait for each other, so neither side can block the other, however much flows.
  ///
  /// - Parameters:
  ///   - input: the next bytes for standard input; nil when there are no more. Asked only when all before were taken.
  ///   - output: takes standard output as it comes, cut anywhere.
  /// - Throws: `.process` when the command cannot be started, is cancelled, takes too long, or ends with anything but exit code 0;
  ///   `.caller` with what `input` or `output` threw, after ending the command.
  public func run<Caller: Error>(
    input: () throws(Caller) -> [UInt8]?, output: (UnsafeRawBufferPointer) throws(Caller) -> Void
  ) throws(RunFailure<Caller>) {
    let process: RunningProcess
    do { process = try RunningProcess(command, oversight) } catch { throw .process(error) }
    defer { process.end() }
    var pending = PendingBytes()
    while process.acceptsInput, !process.hasEnded {
      if pending.isEmpty {
        let more: [UInt8]?
        do throws(Caller) { more = try input() } catch { throw .caller(error) }
        guard let more else { break }
        pending = PendingBytes(more)
        if more.isEmpty { continue }
      }
      try process.turn(&pending, read: output)
    }
    try process.drain(output)
    do { try process.finish() } catch { throw .process(error) }
  }

  /// Runs a command that reads nothing and collects what it prints, up to a limit.
  public func collect(maximumBytes: Int) throws(ProcessFailure) -> [UInt8] {
    var collected: [UInt8] = []
    do {
      try run(input: { () throws(TooMuch) in nil }) { bytes throws(TooMuch) in
        collected += bytes
        if collected.count > maximumBytes { throw TooMuch() }
      }
    } catch {
      switch error {
      case .process(let failure): throw failure
      case .caller: throw ProcessFailure(.lineTooLong(limitBytes: maximumBytes))
      }
    }
    return collected
  }

  private struct TooMuch: Error {}
}

/// Puts lines together from bytes that come cut anywhere.
public struct LineAssembler {
  /// A longer line is an error: nobody writes a row of that size on purpose.
  public static let maximumLineBytes = 256 << 20
  private var rest: [UInt8] = []

  public init() {}

  /// What is held of a line that has not ended.
  public var unfinished: [UInt8] { rest }

  /// Calls `body` with each line that is complete, without its line end.
  public mutating func add<Failure: Error>(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var start = 0
    var at = 0
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "\n") {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
        if rest.isEmpty {
          try body(Self.withoutReturn(piece))
        } else {
          rest += piece
          let whole = rest
          rest = []
          try Self.lend(whole, body)
        }
        start = at + 1
      }
      at += 1
    }
    if start < bytes.count { rest += UnsafeRawBufferPointer(rebasing: bytes[start...]) }
  }

  /// Calls `body` with the last line when it had no line end.
  public mutating func finish<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
    guard !rest.isEmpty else { return }
    let whole = rest
    rest = []
    try Self.lend(whole, body)
  }

  private static func lend<Failure: Error>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, Failure> in
      do throws(Failure) { return .success(try body(withoutReturn(bytes))) } catch { return .failure(error) }
    }
    try result.get()
  }

  private static func withoutReturn(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    line.last == 0x0D ? UnsafeRawBufferPointer(rebasing: line[..<(line.count - 1)]) : line
  }
}
