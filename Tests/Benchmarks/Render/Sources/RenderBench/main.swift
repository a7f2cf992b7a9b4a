// Renders per second of a template over one context, single thread.
//
//   RenderBench FOLDER [seconds] [name …] [--table RATES]
//   RenderBench --renders N TEMPLATE ROW     renders a row N times and no more, for counts of allocations
//
// FOLDER holds NAME.jinja and NAME.json. For each name it prints the rate over a context read before, and over the row's JSON text; with --table a
// row of a Markdown table next to the peer's rates, a file of lines `name rate`. NAME.out is what the peer printed.
import Templates

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

func read(_ path: String) -> [UInt8] {
  guard let f = fopen(path, "rb") else {
    if path.hasSuffix(".out") { return [] }
    fatalError("cannot read \(path)")
  }
  defer { fclose(f) }
  var out: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let n = fread(&buffer, 1, buffer.count, f)
    if n == 0 { return out }
    out += buffer[0..<n]
  }
}

func now() -> Double {
  var t = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t)
  return Double(t.tv_sec) + Double(t.tv_nsec) / 1e9
}

func rate(_ seconds: Double, _ body: () throws -> Int) rethrows -> Double {
  var best = 0.0
  for _ in 0..<3 {
    var n = 0
    var sum = 0
    let start = now()
    var end = start
    while end - start < seconds / 3 {
      for _ in 0..<50 { sum &+= try body() }
      n += 50
      end = now()
    }
    if sum == -1 { print("") }
    best = max(best, Double(n) / (end - start))
  }
  return best
}

var arguments = CommandLine.arguments
var peer: [String: Double] = [:]
var isTable = false
if let i = arguments.firstIndex(of: "--table"), i + 1 < arguments.count {
  isTable = true
  for line in String(decoding: read(arguments[i + 1]), as: UTF8.self).split(separator: "\n") {
    let parts = line.split(separator: " ")
    if parts.count == 2 { peer[String(parts[0])] = Double(parts[1]) }
  }
  arguments.removeSubrange(i...(i + 1))
}
if arguments.count == 5, arguments[1] == "--renders", let n = Int(arguments[2]) {
  var environment = Environment.huggingFace
  environment.undefined = .lenient
  let template = try Template(source: read(arguments[3]), name: "template", environment: environment)
  let renderer = Renderer()
  let bytes = try read(arguments[4]).withUnsafeBytes { row in
    var sum = 0
    for _ in 0..<n { sum += try renderer.render(template, row: row).count }
    return sum
  }
  print(bytes)
  exit(0)
}
guard arguments.count > 1 else { fatalError("usage: RenderBench FOLDER [seconds] [name …]") }
let seconds = arguments.count > 2 ? Double(arguments[2]) ?? 1.5 : 1.5
let names = arguments.count > 3 ? Array(arguments[3...]) : ["qa", "fewshot", "chat", "big", "tojson"]
var environment = Environment.huggingFace
environment.undefined = .lenient
for name in names {
  let template = try Template(source: read("\(arguments[1])/\(name).jinja"), name: name, environment: environment)
  let json = read("\(arguments[1])/\(name).json")
  let context = try Context(json: json)
  let renderer = Renderer()
  let out = Array(try renderer.render(template, context: context))
  let expected = read("\(arguments[1])/\(name).out")
  let a = try rate(seconds) { try renderer.render(template, context: context).count }
  let b = try json.withUnsafeBytes { row in try rate(seconds) { try renderer.render(template, row: row).count } }
  let comparison = expected.isEmpty ? "not compared" : out == expected ? "equal" : "DIFFER"
  func times(_ rate: Double) -> String { peer[name].map { "\((rate / $0 * 10).rounded() / 10)×" } ?? "" }
  if isTable {
    print("| \(name) | \(Int(a)) | \(Int(b)) | \(peer[name].map { "\(Int($0))" } ?? "") | \(times(a)) | \(times(b)) | \(out.count), \(comparison) |")
  } else {
    print("\(name)\t\(Int(a))/s from a context\t\(Int(b))/s from JSON\t\(out.count) bytes, \(comparison)")
  }
}
