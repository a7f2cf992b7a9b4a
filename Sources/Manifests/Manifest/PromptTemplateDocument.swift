public import Diagnostics

/// A prompt-template file (`x.prompt.yaml`): messages, inputs, outputs, label type and examples in one reviewed file.
public struct PromptTemplateDocument: Sendable {
  public let text: SourceText
  /// The fields of `PromptFields.file`. Sources hold no `${…}`: nothing is evaluated in this file.
  public let fields: FieldValues

  public var name: String { fields.string("name") ?? "" }
  public var version: String { fields.string("version") ?? "" }
  public var labelType: String? { fields.string("label_type") }
  public var instructions: Interpolated? { fields.source("instructions") }
  /// The fields of `StageFields.message`, each.
  public var messages: [FieldValues] { fields.list("messages").compactMap(\.record) }

  /// Reads a file. There may be a document beside errors, so that further checks can report theirs too.
  public static func read(_ text: SourceText) -> (document: PromptTemplateDocument?, diagnostics: [Diagnostic]) {
    let (document, problems) = YAMLReader.read(text)
    var reader = FieldReader()
    reader.diagnostics = problems
    guard let root = document?.root else { return (nil, problems) }
    guard root.isMapping else {
      if !root.isPoisoned { reader.mismatch(root, .phrase(PromptFields.file.subject), "a mapping", help: "start with `schema: pipe/prompt/v1`") }
      return (nil, reader.diagnostics)
    }
    let fields = reader.read(root, as: PromptFields.file)
    fields.visit { value in
      let waiting: [ManifestExpression]
      switch value.form {
      case .unevaluated(let text, _), .source(let text): waiting = text.expressions
      default: return
      }
      for expression in waiting {
        reader.diagnostics.append(
          Diagnostic(
            id: "expression-place", "`${…}` is evaluated in manifests only", at: expression.range,
            help: "give the value with `vars` of the stage; for the two characters themselves write `$${`"))
      }
    }
    return (PromptTemplateDocument(text: text, fields: fields), reader.diagnostics.withoutRemarksOnErrors().inReadingOrder())
  }
}
