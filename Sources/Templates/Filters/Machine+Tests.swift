extension Machine {
  func test(_ t: TestID, _ v: V, _ a: Args) throws(Fault) -> Bool {
    let s = t.signature
    if a.namedCount > 0 || a.count > s.parameters.count || a.count < s.required {
      guard a.namedCount == 1, a.count == 0, s.parameters.count == 1, a.name(0).text == s.parameters[0] else {
        throw typeError("test_\(t)() takes \(s.parameters.count + 1) positional arguments but \(a.count + 1) were given")
      }
      return try test(t, v, a.namedValue(0))
    }
    return try test(t, v, a[0])
  }

  func test(_ t: TestID, _ v: V, _ b: V) throws(Fault) -> Bool {
    switch t {
    case .defined: return v.tag != .undefined
    case .undefined: return v.tag == .undefined
    case .none: return v.tag == .none
    case .boolean: return v.tag == .bool
    case .true: return v.tag == .bool && v.asBool
    case .false: return v.tag == .bool && !v.asBool
    case .integer: return v.tag == .int || v.tag == .big
    case .float: return v.tag == .float
    case .number: return v.isNumber
    case .string: return v.tag == .str
    case .mapping: return v.tag == .dict
    case .sequence:
      switch v.tag {
      case .str, .list, .tuple, .dict, .range: return true
      // Python's test swallows what a strict undefined says.
      case .undefined: return !isStrict(v)
      default: return false
      }
    case .iterable:
      switch v.tag {
      case .undefined:
        try strictCheck(v)
        return true
      case .cycler, .joiner, .macro, .namespace, .function, .method, .selfReference, .block, .module: return false
      default: return isIterable(v)
      }
    case .callable:
      switch v.tag {
      case .macro, .function, .method, .joiner, .loop, .block, .undefined: return true
      default: return false
      }
    case .escaped: return v.isMarkup || v.tag == .module || (v.tag == .undefined && kind(v) == .chainable)
    case .sameas:
      if v.tag == .str, b.tag == .str { return v.bits == b.bits && v.aux == b.aux || sameBytes(v, b) && v.count <= 1 }
      if v.tag == .undefined || b.tag == .undefined { return v.tag == b.tag && v.bits == b.bits && v.bits != 0 }
      return v.tag == b.tag && v.bits == b.bits
    case .even, .odd:
      if v.tag == .undefined { throw undefinedError(v) }
      if v.tag == .str { return try equal(try percentFormat(v, .int(2)), .int(t == .even ? 0 : 1)) }
      let r = try arithmetic(.mod, v, .int(2))
      return try equal(r, .int(t == .even ? 0 : 1))
    case .divisibleby:
      if b.tag == .missing { throw typeError("test_divisibleby() missing 1 required positional argument: 'num'") }
      return try equal(try modulo(v, b), .int(0))
    case .eq: return try equal(v, b)
    case .ne: return !(try equal(v, b))
    case .lt: return try compare(.lt, v, b)
    case .le: return try compare(.lteq, v, b)
    case .gt: return try compare(.gt, v, b)
    case .ge: return try compare(.gteq, v, b)
    case .in: return try contains(b, v)
    case .lower: return isLowerText(try text(of: v))
    case .upper: return isUpperText(try text(of: v))
    case .filter, .test:
      if v.tag == .undefined { try strictCheck(v) }
      if v.tag == .list || v.tag == .dict || (v.tag == .view && v.flag != 1) { throw typeError("unhashable type: '\(typeName(v))'") }
      guard v.tag == .str else { return false }
      return t == .filter ? Names.filters[v.text] != nil : Names.tests[v.text] != nil
    }
  }
}
