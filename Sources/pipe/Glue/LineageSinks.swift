import Diagnostics
import Engine
import Processes
import Store
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where events go.
protocol LineageSink: Sendable {
  /// Takes events, in order; returns at once.
  func tell(_ events: [ReportJSON])
  /// Waits, not long, until everything has gone out.
  /// - Returns: what has not, in words.
  func finish() -> String?
}

/// The variables are those of the OpenLineage clients.
enum LineageSinks {
  static var namespace: String? { Environment["OPENLINEAGE_NAMESPACE"].flatMap { $0.isEmpty ? nil : $0 } }

  static func make(_ target: String?) throws -> (any LineageSink)? {
    if Environment["OPENLINEAGE_DISABLED"]?.lowercased() == "true" { return nil }
    let asked = target ?? Environment["OPENLINEAGE_URL"].flatMap { $0.isEmpty ? nil : $0 }
    guard let asked else { return nil }
    guard asked.hasPrefix("http://") || asked.hasPrefix("https://") else {
      if target == nil || asked.contains("://") {
        // The address may hold a password, and is not shown.
        throw Complaint(
          ExitStatus.invalid,
          Diagnostic(
            id: "openlineage", "\(target == nil ? "$OPENLINEAGE_URL" : "--openlineage") is no http:// or https:// address", at: nil,
            help: "a file is named with --openlineage"))
      }
      return try EventFile(Workspace.absolute(asked))
    }
    return EventPosts(asked)
  }
}

/// Events as lines at the end of a file.
final class EventFile: LineageSink {
  private let path: String
  private let failure = Mutex<String?>(nil)

  init(_ path: String) throws {
    self.path = path
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "openlineage", "cannot write `\(path)`: \(String(cString: strerror(errno)))", at: nil))
    }
    close(descriptor)
  }

  func tell(_ events: [ReportJSON]) {
    let bytes = Array(events.map { $0.compact + "\n" }.joined().utf8)
    failure.withLock { failure in
      guard failure == nil else { return }
      let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { return failure = String(cString: strerror(errno)) }
      defer { close(descriptor) }
      var at = 0
      while at < bytes.count {
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + at, bytes.count - at) }
        if written < 0, errno != EINTR { return failure = String(cString: strerror(errno)) }
        at += max(0, written)
      }
    }
  }

  func finish() -> String? { failure.withLock { $0 }.map { "OpenLineage events could not be written to `\(path)`: \($0)" } }
}

/// Events sent to an HTTP endpoint by `curl`, from a thread of its own: `pipe` itself speaks to no network.
///
/// Address and key reach `curl` on its standard input: what stands in arguments everybody on the machine can read.
final class EventPosts: LineageSink, @unchecked Sendable {
  /// So long one event may take, and so long the end of a run waits for what is still to be sent.
  private static let secondsPerEvent = 5
  private static let secondsAtEnd = 8.0

  private let address: String
  private let key: String?
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var queue: [String] = []
  private var isRunning = false
  private var unsent = 0
  private var problem: String?

  init(_ base: String) {
    var endpoint = Environment["OPENLINEAGE_ENDPOINT"] ?? "api/v1/lineage"
    if endpoint.hasPrefix("/") { endpoint.removeFirst() }
    address = (base.hasSuffix("/") ? base : base + "/") + endpoint
    key = Environment["OPENLINEAGE_API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
    pthread_cond_init(condition, nil)
    pthread_mutex_init(mutex, nil)
  }

  private func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  func tell(_ events: [ReportJSON]) {
    let texts = events.map(\.compact)
    locked {
      queue += texts
      guard !isRunning else { return }
      isRunning = true
      BackgroundThread.start { self.send() }
    }
  }

  private func send() {
    while true {
      let (batch, isOver) = locked { () -> ([String], Bool) in
        let batch = Array(queue.prefix(64))
        queue.removeFirst(batch.count)
        if batch.isEmpty { isRunning = false }
        pthread_cond_broadcast(condition)
        return (batch, batch.isEmpty)
      }
      if isOver { return }
      let outcome: (sent: Int, problem: String?) = locked { problem } == nil ? post(batch) : (0, nil)
      locked {
        unsent += batch.count - outcome.sent
        if let failure = outcome.problem { problem = problem ?? failure }
      }
    }
  }

  /// One `curl` for some events, over one connection.
  private func post(_ events: [String]) -> (sent: Int, problem: String?) {
    var configuration = ""
    for (number, event) in events.enumerated() {
      if number > 0 { configuration += "next\n" }
      configuration += "url = \(Self.quoted(address))\nrequest = POST\nheader = \"Content-Type: application/json\"\n"
      if let key { configuration += "header = \(Self.quoted("Authorization: Bearer " + key))\n" }
      configuration += "silent\nshow-error\nfail\nmax-time = \(Self.secondsPerEvent)\nconnect-timeout = 3\noutput = /dev/null\nwrite-out = \"%{http_code}\\n\"\n"
      configuration += "data-binary = \(Self.quoted(event))\n"
    }
    // What a company's network asks for; a user's own settings of curl are left aside.
    let passed = ["http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "CURL_CA_BUNDLE"]
    let environment = HostEnvironment.base() + passed.compactMap { name in HostEnvironment.value(name).map { (name, $0) } }
    let command = Command(arguments: ["curl", "--disable", "--fail-early", "--config", "-"], environment: environment, directory: "/")
    let oversight = Oversight(timeoutSeconds: Double(6 * Self.secondsPerEvent))
    var pending: [UInt8]? = Array(configuration.utf8)
    var answer: [UInt8] = []
    do {
      try ProcessRunner(command, oversight).run(
        input: { () throws(Never) in
          defer { pending = nil }
          return pending
        }, output: { bytes throws(Never) in answer += bytes })
      return (events.count, nil)
    } catch {
      let sent = String(decoding: answer, as: UTF8.self).split(separator: "\n").count { $0.hasPrefix("2") }
      guard case .process(let failure) = error else { return (sent, nil) }
      return (sent, failure.standardErrorTail.last.map(blotted) ?? failure.message("curl"))
    }
  }

  /// What `curl` says may hold the address, and that a password.
  private func blotted(_ text: String) -> String {
    var text = text.replacing(address, with: "the endpoint")
    if let key { text = text.replacing(key, with: "***") }
    return text
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for character in text.unicodeScalars {
      switch character {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      default: out.unicodeScalars.append(character)
      }
    }
    return out + "\""
  }

  func finish() -> String? {
    var end = timespec()
    clock_gettime(CLOCK_REALTIME, &end)
    end.tv_sec += Int(Self.secondsAtEnd)
    return locked {
      while isRunning, pthread_cond_timedwait(condition, mutex, &end) == 0 {}
      let left = unsent + queue.count
      if isRunning, problem == nil { return "OpenLineage events were still on their way after \(Int(Self.secondsAtEnd)) s, and may be lost" }
      guard left > 0 || problem != nil else { return nil }
      return "\(left) OpenLineage event\(left == 1 ? "" : "s") could not be sent: \(problem ?? "the endpoint did not answer in time")"
    }
  }
}
