// Renders any bytes as a template over a row: what follows a zero byte is the row, without one it is the row that the cases share.
internal import Templates

let sharedRow: [UInt8] = {
  guard let path = setting("FUZZ_CONTEXT"), let line = contents(path).split(separator: 10).first, let head = Value(json: Array(line)),
    let context = head["context"]
  else { return Array(#"{"n":7,"s":"Hello World","nums":[3,1,2],"d":{"b":2},"users":[{"name":"Ann","age":31}]}"#.utf8) }
  var out: [UInt8] = []
  context.appendJSON(to: &out)
  return out
}()
let sharedContext = try! Context(json: sharedRow)
/// One renderer for the whole run: what an input leaves behind meets the next.
nonisolated(unsafe) let renderer = Renderer()
nonisolated(unsafe) var rendered = 0

@_cdecl("LLVMFuzzerTestOneInput") public func renderOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 0 else { return 0 }
  let environment = environments[Int(data[0]) % environments.count]
  let bytes = UnsafeBufferPointer(start: data + 1, count: count - 1)
  let end = bytes.firstIndex(of: 0)
  let source = Array(bytes[..<(end ?? bytes.count)])
  do throws(TemplateError) {
    let t = try Template(source: source, name: "fuzz", environment: environment)
    canary(t.variables.map(\.name))
    let out: UnsafeRawBufferPointer
    if let end {
      out = try renderer.render(t, row: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[(end + 1)...]))
    } else if data[0] & 0x40 != 0 {
      out = try renderer.render(t, context: sharedContext)
    } else {
      let r: Result<UnsafeRawBufferPointer, TemplateError> = sharedRow.withUnsafeBytes { row in
        do throws(TemplateError) { return .success(try renderer.render(t, row: row)) } catch { return .failure(error) }
      }
      out = try r.get()
    }
    precondition(out.count <= environment.limits.outputBytes, "more output than allowed: \(out.count)")
    rendered &+= out.count
    for span in renderer.generationSpans { precondition(span.upperBound <= out.count, "a span outside of the output") }
  } catch {
    precondition(error.line >= 1 && error.column >= 1, "an error without a place: \(error)")
    rendered &+= error.description.utf8.count
  }
  return 0
}
