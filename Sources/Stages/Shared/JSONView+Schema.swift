extension JSONView {
  /// Whether the value is of a type by JSON Schema's word; any value is of an unknown type.
  func fits(schemaType type: String) -> Bool {
    switch type {
    case "string": kind == .string
    case "integer": kind == .number && !text.contains { ".eE".contains($0) }
    case "number": kind == .number
    case "boolean": kind == .bool
    case "array": kind == .array
    case "object": kind == .object
    default: true
    }
  }
}
