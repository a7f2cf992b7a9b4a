internal import Diagnostics
internal import Engine
internal import Templates

/// A worker's renderer and constants: one for all stages that the worker meets.
final class WorkerRenderer {
  let renderer = Renderer()
}

/// A row expression that is true or false of a row.
struct RowTest: Sendable {
  private let expression: RowExpression
  private let bindings: Bindings

  init(_ expression: RowExpression) {
    self.expression = expression
    bindings = Bindings(operands: expression.operands)
  }

  /// The names it reads from a row.
  var names: [String] { expression.expression.variables.map(\.name) }

  /// Whether the expression is true of a row.
  func holds(_ row: UnsafeRawBufferPointer, parent: RowParent, worker: WorkerLocal) throws(TaskFailure) -> Bool {
    let renderer = worker.object(WorkerRenderer.self) { WorkerRenderer() }.renderer
    do throws(TemplateError) {
      return try renderer.isTrue(expression.expression, row: row, extra: bindings)
    } catch {
      throw TaskFailure(id: "expression", message: error.message, place: expression.diagnostic(error), rows: [parent])
    }
  }
}

extension Bindings {
  /// What `${…}` put into a template or expression.
  init(operands: [(name: String, json: [UInt8])]) {
    self.init()
    bind(operands)
  }

  mutating func bind(_ operands: [(name: String, json: [UInt8])]) {
    for operand in operands { self[operand.name] = Value(json: operand.json) }
  }
}
