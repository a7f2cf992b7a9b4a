#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  /// Runs a function in a new frame. `prepare` fills the slots of arguments.
  @discardableResult
  func call(
    _ program: Program, _ index: Int, parent: UnsafeMutablePointer<FrameObject>?, context: UnsafeMutablePointer<ContextObject>,
    prepare: (UnsafeMutablePointer<V>) throws(Fault) -> Void
  ) throws(Fault) -> V {
    depth += 1
    if depth > maxDepth { throw fail("RecursionError", "the template calls itself more than \(maxDepth) levels deep") }
    try burn(1)
    let f = program.functionTable + index
    let slots = f.pointee.slots
    let savedSP = sp
    let savedEnd = stackEnd
    let need = f.pointee.count + 16 + (f.pointee.needsHeapFrame ? 0 : slots + 4)
    if stackEnd - sp < need {
      // A long function gets a stack of its own.
      sp = try allocate(need * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
      stackEnd = sp + need
    }
    let memory: UnsafeMutablePointer<V>
    if f.pointee.needsHeapFrame {
      memory = try allocate((slots + 4) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    } else {
      memory = sp
      sp += slots + 4
    }
    memset(memory, 0, (slots + 4) * MemoryLayout<V>.stride)
    let frame = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: FrameObject.self)
    frame.initialize(to: FrameObject(slots: memory + 4, parent: parent, context: context, program: .passUnretained(program), extends: nil, function: index))
    try prepare(memory + 4)
    let result = try run(program, index, frame, 0)
    sp = savedSP
    stackEnd = savedEnd
    depth -= 1
    return result
  }

  @inline(__always) func up(_ frame: UnsafeMutablePointer<FrameObject>, _ levels: Int32) -> UnsafeMutablePointer<FrameObject> {
    var f = frame
    var n = levels
    while n > 0 {
      f = f.pointee.parent.unsafelyUnwrapped
      n -= 1
    }
    return f
  }

  /// A slot that holds nothing yet, or a field that was not decoded yet.
  @inline(never) func loadSlow(_ slot: UnsafeMutablePointer<V>, _ name: V) throws(Fault) -> V {
    if slot.pointee.tag == .lazy {
      slot.pointee = try force(slot.pointee)
      return slot.pointee
    }
    let o = try make(UndefinedObject(hint: .none, object: .missing, name: name, security: false))
    return V.object(.undefined, UnsafeMutableRawPointer(o))
  }
}
