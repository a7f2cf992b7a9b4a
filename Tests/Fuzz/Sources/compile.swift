// Compiles any bytes as a template and as an expression, and asks for everything that is known without data.
internal import Templates

nonisolated(unsafe) var known = 0

@_cdecl("LLVMFuzzerTestOneInput") public func compileOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 0 else { return 0 }
  let environment = environments[Int(data[0]) % environments.count]
  let source = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  do throws(TemplateError) {
    let t = try Template(source: source, name: "fuzz", environment: environment)
    canary(t.variables.map(\.name))
    known &+= t.references.count &+ (t.singleExpression?.paths.count ?? 0)
  } catch {
    // The place of an error lies in the text, whatever the text.
    precondition(error.line >= 1 && error.column >= 1 && error.range.upperBound <= source.count, "an error outside of the template: \(error)")
    known &+= error.description.utf8.count
  }
  do throws(TemplateError) {
    let e = try Expression(source: source, name: "fuzz", environment: environment)
    known &+= e.paths.count &+ e.calls.count &+ e.variables.count
  } catch {
    precondition(error.line >= 1 && error.column >= 1 && error.range.upperBound <= source.count, "an error outside of the expression: \(error)")
  }
  return 0
}
