// Which alternative of a `oneOf` a node is read as.
extension FieldType {
  func fits(_ shape: Node.Shape, mappingKeys: () -> [String]) -> Bool {
    switch self {
    case .list: shape == .sequence
    case .oneOrMany(let item): shape == .sequence || item.fits(shape, mappingKeys: mappingKeys)
    case .map(_, _, let listed): shape == .mapping || (listed && shape == .sequence)
    case .record(let set, let shorthand):
      shape == .mapping || (shorthand.flatMap { set.field($0) }.map { $0.type.fits(shape, mappingKeys: mappingKeys) } ?? false)
    case .tagged, .dependent: shape == .mapping
    case .oneOf(let types): types.contains { $0.fits(shape, mappingKeys: mappingKeys) }
    case .any: true
    default: shape == .scalar
    }
  }

  /// How well a mapping with these keys fits.
  func score(_ keys: Set<String>) -> Int {
    switch self {
    case .record(let set, _): keys.count { set.indexByName[$0] != nil } * 2 + 1
    case .tagged(let tag, let variants):
      (keys.contains(tag) ? 1 : 0) + (variants.map { variant in keys.count { variant.fields.indexByName[$0] != nil } * 2 }.max() ?? 0)
    case .oneOrMany(let item): item.score(keys)
    case .oneOf(let types): types.map { $0.score(keys) }.max() ?? 0
    case .map: 2
    case .any: 0
    default: -1
    }
  }

  /// Whether a scalar that is no template may stand here.
  var takesPlainScalar: Bool {
    switch self {
    case .template, .list, .map, .record, .tagged, .dependent: false
    case .oneOrMany(let item): item.takesPlainScalar
    case .oneOf(let types): types.contains(where: \.takesPlainScalar)
    default: true
    }
  }

  var takesReference: Bool {
    switch self {
    case .input, .stage: true
    case .oneOrMany(let item), .list(let item): item.takesReference
    case .oneOf(let types): types.contains(where: \.takesReference)
    default: false
    }
  }

  /// All fields that some variant has; none is required, since the variant is not known.
  static func union(_ variants: [Variant], subject: String) -> FieldSet {
    var fields: [Field] = []
    for variant in variants {
      for field in variant.fields.fields where !fields.contains(where: { $0.name == field.name }) { fields.append(field.optional) }
    }
    return FieldSet(subject, fields)
  }
}

extension FieldValue {
  /// The stage that a waiting value names, when it is nothing but that.
  var unevaluatedReference: StageReference? {
    if case .unevaluated(let text, _) = form { text.whole?.reference } else { nil }
  }
}
