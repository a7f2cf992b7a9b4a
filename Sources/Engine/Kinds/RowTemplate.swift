public import Diagnostics
import Synchronization
public import Templates

/// A compiled row template with the operands that the manifest gave it.
public struct RowTemplate: Sendable {
  public let template: Template
  /// Operand names and JSON values, to be bound before rendering.
  public let operands: [(name: String, json: [UInt8])]
  /// Where it is written.
  public let range: SourceRange?
  let sources: TemplateSources

  /// An error of this template as a message: the place in the file that a person wrote, included files too.
  public func diagnostic(_ error: TemplateError, id: String = "template") -> Diagnostic { sources.diagnostic(error, id: id, whole: range) }

  /// Where some bytes of the template's source stand in the file that a person wrote.
  public func place(_ bytes: Range<Int>) -> Place? { sources.place(template.name, bytes) ?? range?.place }
}

/// A compiled row expression with the operands that the manifest gave it.
public struct RowExpression: Sendable {
  public let expression: Expression
  public let operands: [(name: String, json: [UInt8])]
  public let range: SourceRange?
  let sources: TemplateSources

  /// An error of this expression as a message.
  public func diagnostic(_ error: TemplateError, id: String = "expression") -> Diagnostic { sources.diagnostic(error, id: id, whole: range) }

  /// Where some bytes of the expression stand in the file that a person wrote.
  public func place(_ bytes: Range<Int>) -> Place? { sources.place(expression.name, bytes) ?? range?.place }
}

/// The texts behind template names: files of the workspace, and stretches of the manifest.
final class TemplateSources: Sendable {
  private let texts = Mutex<[String: SourceText]>([:])
  private let codes = Mutex<[String: RowCode]>([:])

  func add(_ text: SourceText, as name: String) { texts.withLock { $0[name] = text } }
  func add(_ code: RowCode, as name: String) { codes.withLock { $0[name] = code } }
  func text(_ name: String) -> SourceText? { texts.withLock { $0[name] } }

  func diagnostic(_ error: TemplateError, id: String, whole: SourceRange?) -> Diagnostic {
    let place = place(error.templateName, error.range) ?? whole?.place
    var found = Diagnostic(.error, id: id, error.message, at: place, label: error.suggestion.map { "did you mean `\($0)`?" } ?? "")
    // Innermost first; the first frame is the place itself.
    for frame in error.stack.dropFirst() { found = found.noting("from", "\(frame.what), \(name(frame.name)):\(frame.line):\(frame.column)") }
    return found
  }

  /// Where some bytes of a template stand in the file that a person wrote.
  func place(_ name: String, _ range: Range<Int>) -> Place? {
    if let code = codes.withLock({ $0[name] }) { return code.range(of: range).place }
    return text(name).map { $0.range(Self.clamp(range, $0.bytes.count)).place }
  }

  private func name(_ template: String) -> String { text(template)?.path ?? codes.withLock { $0[template] }?.range(of: 0..<0).path ?? template }

  private static func clamp(_ range: Range<Int>, _ count: Int) -> Range<Int> {
    let lower = min(range.lowerBound, count)
    return lower..<max(lower, min(range.upperBound, count))
  }
}
