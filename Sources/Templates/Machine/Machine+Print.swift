extension Machine {
  @inline(__always) func emit(_ v: V, mode: UInt8, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) {
    if v.tag == .str {
      if mode == 0 || mode == 3 || v.flag & 1 != 0 || (mode == 2 && !frame.pointee.context.pointee.autoescape) {
        try emit(v.chars, v.count)
      } else {
        try emitEscaped(v.chars, v.count)
      }
    } else if mode == 3 {
      joinFault = JoinFault(type: typeName(v), captures: captures, depth: depth)
    } else {
      try emitOther(v, mode: mode, frame)
    }
  }

  @inline(never) private func emitOther(_ v: V, mode: UInt8, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) {
    if mode == 0 || (mode == 2 && !frame.pointee.context.pointee.autoescape) { return try emitPlain(v) }
    switch v.tag {
    case .int, .float, .bool, .none, .big: try emitPlain(v)
    case .module: try emit(v.module.pointee.body, mode: 0, frame)
    default:
      let mark = outCount
      try emitPlain(v)
      let s = try take(from: mark)
      try emitEscaped(s.chars, s.count)
    }
  }

  /// Python joins what a template wrote only when the piece is complete, and refuses what is no string then.
  @inline(never) func joinError() -> Fault {
    let type = joinFault?.type ?? ""
    joinFault = nil
    return typeError("sequence item: expected str instance, \(type) found")
  }
}
