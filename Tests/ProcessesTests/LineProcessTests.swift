import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@testable import Processes

func ask(_ process: LineProcess, _ questions: [String], timeout: Double? = 20) -> (answers: [String], failure: ProcessFailure?) {
  var answers: [String] = []
  do throws(RunFailure<Never>) {
    try process.ask(questions.map { Array($0.utf8) }, oversight: Oversight(timeoutSeconds: timeout)) { index, line throws(Never) in
      #expect(index == answers.count)
      answers.append(String(decoding: line, as: UTF8.self))
    }
    return (answers, nil)
  } catch {
    guard case .process(let failure) = error else { return (answers, nil) }
    return (answers, failure)
  }
}

@Suite struct LineProcessTests {
  @Test func answersInOrderAndLivesOn() {
    let process = LineProcess(shell("n=0; while read -r line; do n=$((n+1)); echo \"$n $line $$\"; done"))
    let first = ask(process, ["a", "b", "c"])
    #expect(first.failure == nil)
    #expect(first.answers.map { String($0.prefix(3)) } == ["1 a", "2 b", "3 c"])
    let second = ask(process, ["d"])
    #expect(second.answers.map { String($0.prefix(3)) } == ["4 d"])
    // The same process: its own number is the last word.
    #expect(first.answers[0].split(separator: " ").last == second.answers.first?.split(separator: " ").last)
  }

  @Test func manyQuestionsDoNotBlock() {
    let questions = (0..<20_000).map { "question \($0) " + String(repeating: "x", count: 50) }
    #expect(ask(LineProcess(shell("cat")), questions).answers == questions)
  }

  @Test func toleratesAProgramThatAnswersOnlyAtTheEnd() {
    // tac-like: nothing is printed before the input ends, as a program that buffers its output does.
    let process = LineProcess(shell("all=; while read -r line; do all=\"$all$line!\n\"; done; printf %s \"$all\""))
    #expect(ask(process, ["a", "b"]).answers == ["a!", "b!"])
    let start = Platform.now()
    #expect(ask(process, ["c"]).answers == ["c!"])
    // It has learned.
    #expect(Platform.now() - start < LineProcess.patienceSeconds)
  }

  @Test func anEarlyEndIsAnError() {
    let tooFew = ask(LineProcess(shell("read -r x; echo \"$x\"; echo gone >&2")), ["a", "b", "c"])
    #expect(tooFew.answers == ["a"])
    #expect(tooFew.failure == ProcessFailure(.endedEarly(answered: 1, asked: 3), standardErrorTail: ["gone"]))
    let dead = ask(LineProcess(shell("read -r x; echo oops >&2; exit 4")), ["a"])
    #expect(dead.failure == ProcessFailure(.exited(code: 4), standardErrorTail: ["oops"]))
  }

  @Test func tooManyAnswersAreAnError() {
    #expect(ask(LineProcess(shell("while read -r x; do echo 1; echo 2; done")), ["a", "b"]).failure?.reason == .answeredTooMuch(asked: 1))
    // Late surplus is noticed before the next question at the latest.
    let late = LineProcess(shell("read -r x; echo 1; read -r x; echo 2; sleep 0.1; echo 3; read -r x; echo 4; sleep 9"))
    #expect(ask(late, ["a", "b"]).answers == ["1", "2"])
    usleep(300_000)
    #expect(ask(late, ["c"]).failure?.reason == .answeredTooMuch(asked: 1))
  }

  @Test func silenceEndsWithTheTimeout() {
    #expect(ask(LineProcess(shell("sleep 100")), ["a"], timeout: 0.4).failure?.reason == .timedOut(seconds: 0.4))
  }

  @Test func aNewProcessFollowsADeadOne() {
    let process = LineProcess(shell("read -r x; echo \"$x\"; exit 0"))
    #expect(ask(process, ["a"]).answers == ["a"])
    #expect(ask(process, ["b"]).answers == ["b"])
  }
}
