import Rows
import Synchronization

@testable import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A directory of a test's own, removed with it.
final class Scratch: Sendable {
  let path: String

  init() {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = base + "/pipe-store-tests-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    mkdir(path, 0o777)
  }

  deinit { Scratch.removeAll(path) }

  static func + (scratch: Scratch, name: String) -> String { scratch.path + "/" + name }

  static func removeAll(_ path: String) {
    for name in Files.names(in: path) {
      let child = path + "/" + name
      if unlink(child) != 0 { removeAll(child) }
    }
    rmdir(path)
  }

  /// All files below, as relative paths, sorted.
  func files(_ below: String = "") -> [String] {
    var found: [String] = []
    func walk(_ relative: String) {
      for name in Files.names(in: path + "/" + relative) {
        let child = relative.isEmpty ? name : relative + "/" + name
        if let status = Files.status(path + "/" + child), status.st_mode & S_IFMT == S_IFDIR { walk(child) } else { found.append(child) }
      }
    }
    walk(below)
    return found.sorted()
  }

  /// A file's bytes, or none when it is not there.
  func read(_ name: String) -> [UInt8] { (try? Files.contents(self + name)) ?? [] }

  func write(_ name: String, _ bytes: [UInt8]) {
    unlink(self + name)
    try! AtomicFile.write(self + name, bytes, sync: false)
  }

  func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }
}

/// Random numbers from a seed, so that a failure can be had again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    // SplitMix64.
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next().littleEndian) { bytes.append(contentsOf: $0) } }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// A clock that a test sets.
final class TestClock: Sendable {
  private let time: Mutex<UInt64>
  init(_ start: UInt64 = 1_800_000_000_000_000_000) { time = Mutex(start) }
  var clock: Store.Clock { { [self] in time.withLock { $0 } } }
  func advance(seconds: UInt64) { time.withLock { $0 += seconds * 1_000_000_000 } }
}

/// What a store reported as damaged.
final class DamageLog: Sendable {
  private let log = Mutex<[Store.Damage]>([])
  var handler: @Sendable (Store.Damage) -> Void { { [self] damage in log.withLock { $0.append(damage) } } }
  var all: [Store.Damage] { log.withLock { $0 } }
}
