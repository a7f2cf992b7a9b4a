/// From the public values to the machine's and back.
extension Machine {
  /// The machine's form of a public value.
  func lower(_ v: Value) throws(Fault) -> V {
    switch v.storage {
    case .undefined(let name, let hint): return try undefined(hint: hint, name: name)
    case .none: return .none
    case .bool(let b): return .bool(b)
    case .int(let i, _): return .int(i)
    case .big(let b): return big(b)
    case .double(let d, _): return .float(d)
    case .string(let b, let markup):
      let s = try string(b)
      return markup ? s.asMarkup : s
    case .json(let b):
      let s = try string(b)
      return try parseDocument(s.bytes)
    case .list(let items, let isTuple):
      depth += 1
      defer { depth -= 1 }
      guard depth <= Machine.maxJSONDepth else { throw valueError("a value is nested too deep") }
      let l = try list(capacity: items.count, tag: isTuple ? .tuple : .list)
      for i in items { try append(try lower(i), to: l) }
      return l
    case .dict(let items):
      depth += 1
      defer { depth -= 1 }
      guard depth <= Machine.maxJSONDepth else { throw valueError("a value is nested too deep") }
      let d = try dict(capacity: items.count)
      for (k, x) in items { try set(d, try lower(k), try lower(x)) }
      return d
    case .function(let f):
      hosts.append(f)
      return V(.function, bits: UInt64(hosts.count - 1), flag: 1)
    case .other(let s): return try string(s)
    }
  }

  private func source(_ v: V) -> [UInt8]? {
    guard v.aux > 0, let base = row.base, Int(v.aux) <= row.count else { return nil }
    let start = base + Int(v.aux - 1)
    var p = start
    guard JSONScan.skip(&p, base + row.count) else { return nil }
    return Array(UnsafeBufferPointer(start: start, count: p - start))
  }

  /// The public form of a value; untouched pieces of the row keep their text.
  func raise(_ v: V, deep: Bool = false) -> Value {
    switch v.tag {
    case .none: return .none
    case .bool: return Value(v.asBool)
    case .int: return Value(.int(v.asInt, source: v.aux == 0 ? nil : source(v)))
    case .float: return Value(.double(v.asDouble, source: v.aux == 0 ? nil : source(v)))
    case .big: return Value(.big(bigValue(v)))
    case .str: return Value(.string(Array(v.bytes), markup: v.isMarkup))
    case .lazy: return Value(.json(Array(UnsafeBufferPointer(start: v.chars, count: v.count))))
    case .list, .tuple:
      let l = v.list.pointee
      if !deep, !mutated, l.sourceCount > 0, let s = l.source { return Value(.json(Array(UnsafeBufferPointer(start: s, count: l.sourceCount)))) }
      guard depth < Machine.maxJSONDepth else { return .none }
      depth += 1
      defer { depth -= 1 }
      return Value(.list((0..<l.count).map { raise(l.items[$0], deep: deep) }, tuple: v.tag == .tuple))
    case .dict:
      let d = v.dict.pointee
      if !deep, !mutated, d.sourceCount > 0, let s = d.source { return Value(.json(Array(UnsafeBufferPointer(start: s, count: d.sourceCount)))) }
      guard depth < Machine.maxJSONDepth else { return .none }
      depth += 1
      defer { depth -= 1 }
      return Value(.dict((0..<d.count).map { (raise(d.entries[$0].key, deep: deep), raise(d.entries[$0].value, deep: deep)) }))
    case .range, .generator, .view:
      guard depth < Machine.maxJSONDepth, let l = try? listed(v) else { return .none }
      return raise(l, deep: deep)
    case .undefined, .missing:
      let o = v.undefinedObject?.pointee
      return Value(.undefined(name: o?.name.tag == .str ? o!.name.text : "", hint: v.tag == .missing ? "" : undefinedMessage(v)))
    case .function where v.flag == 1: return Value(.function(hosts[Int(v.bits)]))
    default: return Value(.other(reprText(v)))
    }
  }

  /// A copy of a value from a shared context that a template may change.
  func copy(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .list, .tuple:
      let l = try list(capacity: v.list.pointee.count, tag: v.tag)
      for i in 0..<v.list.pointee.count { try append(try copy(v.list.pointee.items[i]), to: l) }
      return l
    case .dict:
      let d = try dict(capacity: v.dict.pointee.count)
      for i in 0..<v.dict.pointee.count { try add(d.dict, v.dict.pointee.entries[i].key, try copy(v.dict.pointee.entries[i].value)) }
      return d
    default: return v
    }
  }
}
