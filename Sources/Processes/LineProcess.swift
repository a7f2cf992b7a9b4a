/// A process that lives through many questions: each line in is answered by exactly one line out, in order.
public final class LineProcess {
  /// A program whose answers do not come although it has read every question is probably holding them in a buffer. After this time
  /// its standard input is closed: it then answers what it has read and ends, and the next questions go to a new process.
  static let patienceSeconds = 5.0
  /// How long a fresh process is watched for a second line after its first answer.
  static let probeMilliseconds: Int32 = 20

  private let command: Command
  private var process: RunningProcess?
  // Learned: this program only answers when its input ends.
  private var holdsAnswersBack = false

  public init(_ command: Command) { self.command = command }

  deinit { process?.dismiss() }

  /// Asks `questions` (lines without their ends) and gives each answer to `answer`, in order.
  ///
  /// - Throws: `.process` when the program cannot be started or ends before the last answer; `.caller` with what `answer` threw.
  ///   The process is then gone; answers already given stay given.
  public func ask<Caller: Error>(
    _ questions: [[UInt8]], oversight: Oversight, answer: (_ question: Int, UnsafeRawBufferPointer) throws(Caller) -> Void
  ) throws(RunFailure<Caller>) {
    guard !questions.isEmpty else { return }
    if let old = process {
      process = nil
      old.adopt(oversight)
      // One that has died between two tasks, having answered everything, is replaced.
      if try exchange(questions[...], old, mayHaveEnded: true, answer) { return }
    }
    let fresh: RunningProcess
    do { fresh = try RunningProcess(command, oversight) } catch { throw .process(error) }
    // The first question goes alone: a program that prints more than one line to it shows itself before its lines are taken for
    // answers to later questions.
    let isProbed = questions.count > 1 && !holdsAnswersBack
    guard isProbed else {
      _ = try exchange(questions[...], fresh, mayHaveEnded: false, answer)
      return
    }
    _ = try exchange(questions[..<1], fresh, mayHaveEnded: false, probing: true, answer)
    var next = fresh
    if let going = process {
      process = nil
      next = going
      next.adopt(oversight)
    } else if fresh.inputWasClosedByUs {
      do { next = try RunningProcess(command, oversight) } catch { throw .process(error) }
    } else {
      throw endedEarly(fresh, answered: 1, of: questions.count)
    }
    _ = try exchange(questions[1...], next, mayHaveEnded: false, answer)
  }

  private func endedEarly<Caller: Error>(_ process: RunningProcess, answered: Int, of asked: Int) -> RunFailure<Caller> {
    // How it ended says more than that it ended.
    do throws(ProcessFailure) { try process.finish() } catch { return .process(error) }
    return .process(ProcessFailure(.endedEarly(answered: answered, asked: asked), standardErrorTail: process.tail()))
  }

  /// Puts questions to a process and keeps the process if it goes on.
  /// - Returns: false when it turned out to have ended before, which is only accepted when `mayHaveEnded`.
  private func exchange<Caller: Error>(
    _ questions: ArraySlice<[UInt8]>, _ process: RunningProcess, mayHaveEnded: Bool, probing: Bool = false,
    _ answer: (Int, UnsafeRawBufferPointer) throws(Caller) -> Void
  ) throws(RunFailure<Caller>) -> Bool {
    do throws(RunFailure<Caller>) {
      let all = questions.endIndex
      var answered = questions.startIndex
      var surplus = false
      var lines = LineAssembler()
      var lastNews = Platform.now()
      let take: (UnsafeRawBufferPointer) throws(Caller) -> Void = { bytes throws(Caller) in
        lastNews = Platform.now()
        try lines.add(bytes) { line throws(Caller) in
          if answered == all {
            surplus = true
          } else {
            try answer(answered, line)
            answered += 1
          }
        }
      }
      var closedWith = -1
      var closedAt = 0.0
      var nothing = PendingBytes()
      if mayHaveEnded {
        // What comes before anything was asked is no answer.
        var early = false
        try process.turn(&nothing, milliseconds: 0) { (_: UnsafeRawBufferPointer) throws(Caller) in early = true }
        if early { surplus = true }
        if process.hasEnded || !process.hasOutput {
          process.end()
          return false
        }
      }
      var pending = PendingBytes(Self.lines(questions))
      while answered < all, !surplus, process.hasOutput, !process.hasEnded {
        if pending.isEmpty, process.acceptsInput {
          if holdsAnswersBack {
            process.dismissInput()
          } else if Platform.now() - lastNews > Self.patienceSeconds, process.unreadInputBytes == 0 {
            process.dismissInput()
            closedWith = answered
            closedAt = Platform.now()
          }
        } else if !pending.isEmpty {
          lastNews = Platform.now()
        }
        try process.turn(&pending, read: take)
      }
      if answered == all, process.acceptsInput, process.hasOutput, !process.hasEnded {
        try process.turn(&nothing, milliseconds: probing ? Self.probeMilliseconds : 0, read: take)
      }
      let goesOn = answered == all && process.acceptsInput && process.hasOutput && !process.hasEnded
      if !goesOn, !surplus {
        try process.drain(take)
        do throws(Caller) {
          try lines.finish { line throws(Caller) in
            if answered < all {
              try answer(answered, line)
              answered += 1
            } else {
              surplus = true
            }
          }
        } catch { throw .caller(error) }
      }
      // Answers that come as soon as the input ends were ready before: this program holds them in a buffer.
      if closedWith == questions.startIndex, answered == all, lastNews - closedAt < 1 { holdsAnswersBack = true }
      if surplus || !lines.unfinished.isEmpty {
        process.end()
        throw .process(ProcessFailure(.answeredTooMuch(asked: all), standardErrorTail: process.tail()))
      }
      if mayHaveEnded, answered == questions.startIndex, process.hasEnded, !process.endedBadly { return false }
      if answered < all { throw endedEarly(process, answered: answered, of: all) }
      if goesOn {
        process.rest()
        self.process = process
      } else if process.endedBadly {
        do throws(ProcessFailure) { try process.finish() } catch { throw .process(error) }
      } else {
        process.end()
      }
      return true
    } catch {
      process.end()
      throw error
    }
  }

  private static func lines(_ questions: ArraySlice<[UInt8]>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(questions.reduce(0) { $0 + $1.count + 1 })
    for question in questions {
      bytes += question
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }
}
