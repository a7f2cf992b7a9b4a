// What both fuzz targets share: environments, library, bounds, and the seeds.
internal import Templates

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The templates that an input may include, import or extend; "me" includes itself.
let library: [String: [UInt8]] = [
  "inc": "[{{ n }}|{{ loc|default('-') }}]",
  "lib": "{% macro m(a, b=2) %}<{{ a }},{{ b }},{{ n|default('?') }}>{% endmacro %}{% set v = 'V' %}{% set _h = 1 %}text",
  "base": "A{% block a %}base {{ n }}{% endblock %}B{% block b scoped %}{% endblock %}C{{ self.a() }}",
  "mid": "{% extends 'base' %}{% block a %}mid {{ super() }}{% endblock %}",
  "req": "{% block r required %}{% endblock %}",
  "loopinc": "{{ i }}{{ loop.index }}",
  "me": "{{ n }}{% include 'me' %}",
].mapValues { Array($0.utf8) }

/// Small bounds, so that an input which reaches one does so in milliseconds.
func limits() -> Limits {
  var l = Limits()
  l.steps = 20_000
  l.outputBytes = 1 << 18
  l.memoryBytes = 4 << 20
  l.rangeItems = 10_000
  return l
}

/// The environments; an input's first byte chooses.
let environments: [Environment] = {
  var pipe = Environment.pipe
  pipe.now = CivilTime(year: 2024, month: 2, day: 29, hour: 13, minute: 5, second: 9)
  let jinja = Environment.jinja2
  var hf = Environment.huggingFace
  hf.now = pipe.now
  var html = Environment.jinja2
  html.autoescape = true
  html.undefined = .debug
  html.doStatement = true
  html.loopControls = true
  html.trimBlocks = true
  html.keepTrailingNewline = true
  var lines = Environment.jinja2
  lines.undefined = .chainable
  lines.delimiters.lineStatement = "%"
  lines.delimiters.lineComment = "##"
  lines.newlineSequence = "\r\n"
  lines.lstripBlocks = true
  var custom = Environment.jinja2
  custom.delimiters.blockStart = "<%"
  custom.delimiters.blockEnd = "%>"
  custom.delimiters.variableStart = "${"
  custom.delimiters.variableEnd = "}"
  custom.delimiters.commentStart = "<#"
  custom.delimiters.commentEnd = "#>"
  custom.autoescape = true
  return [pipe, jinja, hf, html, lines, custom].map { e in
    var e = e
    e.limits = limits()
    e.loader = { library[$0] }
    return e
  }
}()

/// Reads a file whole; empty when there is none.
func contents(_ path: String) -> [UInt8] {
  guard let f = fopen(path, "rb") else { return [] }
  defer { fclose(f) }
  var out: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let n = fread(&buffer, 1, buffer.count, f)
    if n == 0 { return out }
    out += buffer[0..<n]
  }
}

func setting(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// With FUZZ_CASES (a file of cases) and FUZZ_SEEDS (a folder) set, writes one seed a case and ends; otherwise does nothing.
@_cdecl("LLVMFuzzerInitialize") public func initialize(
  _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
  guard let cases = setting("FUZZ_CASES"), let folder = setting("FUZZ_SEEDS") else { return 0 }
  var n = 0
  for line in contents(cases).split(separator: 10) {
    guard let c = Value(json: Array(line)), let source = c["t"]?.utf8 else { continue }
    let seed = [UInt8(n % environments.count)] + source
    guard let f = fopen("\(folder)/case-\(n)", "wb") else {
      print("cannot write to \(folder)")
      exit(1)
    }
    fwrite(seed, 1, seed.count, f)
    fclose(f)
    n += 1
  }
  exit(n > 0 ? 0 : 1)
}

/// The planted faults of a build with `-D CANARY`: a template that reads names starting with `z` in two places ends in the fault that FUZZ_CANARY
/// names.
///
/// Each of the two steps is new coverage, so that a fuzzer that is guided gets there soon and a blind one does not; no seed goes the second.
func canary(_ names: [String]) {
  #if CANARY
    for name in names where name.utf8.first == UInt8(ascii: "z") {
      depth &+= 1
      if depth & 1 == 0 { plantedFault() }
    }
    depth = 0
  #endif
}

#if CANARY
  nonisolated(unsafe) var depth = 0

  @inline(never) func plantedFault() {
    switch setting("FUZZ_CANARY") {
    case "hang": while true { depth &+= 1 }
    case "memory":
      while true {
        let p = UnsafeMutableRawPointer.allocate(byteCount: 1 << 24, alignment: 16)
        memset(p, 1, 1 << 24)
        depth &+= 1
      }
    default:
      // Behind the end of an allocation: only the address sanitizer sees it.
      let p = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
      p.initialize(repeating: 0, count: 8)
      depth = Int(p[8 + depth % 4])
      p.deallocate()
    }
  }
#endif
