#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  /// Runs instructions from `start` until the function or subroutine ends; returns the value a subroutine leaves.
  @discardableResult
  func run(_ program: Program, _ index: Int, _ frame: UnsafeMutablePointer<FrameObject>, _ start: Int) throws(Fault) -> V {
    let f = program.functionTable + index
    let code = UnsafePointer(f.pointee.code)
    let slots = frame.pointee.slots
    let constants = UnsafePointer(program.constants)
    var sp = self.sp
    let base = sp
    var pc = start
    let outerFrame = currentFrame
    currentFrame = frame
    defer { currentFrame = outerFrame }
    do throws(Fault) {
      while true {
        let i = code[pc]
        pc += 1
        switch i.op {
        // MARK: output
        case .text: try emit(program.literals + Int(i.a), Int(i.b))
        case .emit:
          sp -= 1
          self.sp = sp
          try emit(sp.pointee, mode: i.mode, frame)
        case .emitSlot:
          self.sp = sp
          var v = slots[Int(i.a)]
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(slots + Int(i.a), constants[Int(i.b)]) }
          try emit(v, mode: i.mode, frame)
        case .emitSlotAttribute:
          var v = slots[Int(i.a)]
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(slots + Int(i.a), constants[Int(i.c)]) }
          let name = constants[Int(i.b)]
          if v.tag == .dict, let found = lookup(v.dict, name), !isDictMethod(name) {
            try emit(found, mode: i.mode, frame)
          } else {
            try emit(try attribute(v, name), mode: i.mode, frame)
          }
        case .emitJSON:
          sp -= 1
          self.sp = sp
          let mark = outCount
          try emitJSON(sp.pointee, JSONStyle(), 0)
          try growth(mark)
        case .emitJoin:
          sp -= 3
          self.sp = sp + 3
          try emitJoined(sp[0], sp[1], sp[2])
        case .emitAdd:
          let n = Int(i.a)
          sp -= n
          var plain = true
          for k in 0..<n where sp[k].tag != .str || sp[k].flag & 1 != 0 { plain = false }
          if plain {
            for k in 0..<n { try emit(sp[k].chars, sp[k].count) }
          } else {
            var v = sp[0]
            for k in 1..<n { v = try add(v, sp[k]) }
            try emit(v, mode: i.mode, frame)
          }
        // MARK: values
        case .constant:
          sp.pointee = constants[Int(i.a)]
          sp += 1
        case .bigConstant:
          sp.pointee = big(program.bigs[Int(i.a)])
          sp += 1
        case .load:
          var v = slots[Int(i.a)]
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(slots + Int(i.a), constants[Int(i.b)]) }
          sp.pointee = v
          sp += 1
        case .loadOuter:
          let s = up(frame, i.c).pointee.slots + Int(i.a)
          var v = s.pointee
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(s, constants[Int(i.b)]) }
          sp.pointee = v
          sp += 1
        case .loadAttribute:
          var v = slots[Int(i.a)]
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(slots + Int(i.a), constants[Int(i.c)]) }
          let name = constants[Int(i.b)]
          if v.tag == .dict, let found = lookup(v.dict, name), !isDictMethod(name) {
            sp.pointee = found
          } else {
            sp.pointee = try attribute(v, name)
          }
          sp += 1
        case .loopAttribute:
          let v = slots[Int(i.a)]
          self.sp = sp
          if v.tag == .loop {
            sp.pointee = try loopField(v.loop, LoopField(rawValue: i.b).unsafelyUnwrapped, frame)
          } else {
            let base = v.tag.rawValue <= Tag.lazy.rawValue ? try loadSlow(slots + Int(i.a), try string("loop")) : v
            sp.pointee = try attribute(base, try string("\(LoopField(rawValue: i.b)!)"))
          }
          sp += 1
        case .store:
          sp -= 1
          slots[Int(i.a)] = sp.pointee
        case .resolve: slots[Int(i.b)] = try resolve(frame, Int(i.a))
        case .alias: slots[Int(i.b)] = up(frame, i.c).pointee.slots[Int(i.a)]
        case .clear: slots[Int(i.a)] = .missing
        case .pop: sp -= 1
        case .duplicate:
          sp.pointee = sp[-1]
          sp += 1
        case .attribute:
          self.sp = sp
          sp[-1] = try attribute(sp[-1], constants[Int(i.a)])
        case .item:
          sp -= 1
          self.sp = sp + 1
          sp[-1] = try item(sp[-1], sp[0])
        case .slice:
          var parts = (V.none, V.none, V.none)
          if i.a & 4 != 0 {
            sp -= 1
            parts.2 = sp.pointee
          }
          if i.a & 2 != 0 {
            sp -= 1
            parts.1 = sp.pointee
          }
          if i.a & 1 != 0 {
            sp -= 1
            parts.0 = sp.pointee
          }
          sp[-1] = try slice(sp[-1], parts.0, parts.1, parts.2)
        case .makeList, .makeTuple:
          let n = Int(i.a)
          sp -= n
          let l = try list(capacity: n, tag: i.op == .makeList ? .list : .tuple)
          l.list.pointee.items.update(from: sp, count: n)
          l.list.pointee.count = n
          sp.pointee = l
          sp += 1
        case .makeDict:
          let n = Int(i.a)
          sp -= n * 2
          let d = try dict(capacity: n)
          for k in 0..<n { try set(d, sp[k * 2], sp[k * 2 + 1]) }
          sp.pointee = d
          sp += 1
        case .undefinedConditional:
          let hint = try string("the inline if-expression on line \(i.a) evaluated to false and no else section was defined.")
          let o = try make(UndefinedObject(hint: hint, object: .missing, name: .none, security: false))
          var v = V.object(.undefined, UnsafeMutableRawPointer(o))
          v.flag = 1
          sp.pointee = v
          sp += 1
        // MARK: operators
        case .add:
          sp -= 1
          if sp[-1].tag == .int, sp[0].tag == .int {
            let (r, o) = sp[-1].asInt.addingReportingOverflow(sp[0].asInt)
            if !o {
              sp[-1] = .int(r)
              continue
            }
          }
          sp[-1] = try add(sp[-1], sp[0])
        case .sub:
          sp -= 1
          if sp[-1].tag == .int, sp[0].tag == .int {
            let (r, o) = sp[-1].asInt.subtractingReportingOverflow(sp[0].asInt)
            if !o {
              sp[-1] = .int(r)
              continue
            }
          }
          sp[-1] = try arithmetic(.sub, sp[-1], sp[0])
        case .mul:
          sp -= 1
          sp[-1] = try multiply(sp[-1], sp[0])
        case .div:
          sp -= 1
          sp[-1] = try arithmetic(.div, sp[-1], sp[0])
        case .floordiv:
          sp -= 1
          sp[-1] = try arithmetic(.floordiv, sp[-1], sp[0])
        case .mod:
          sp -= 1
          sp[-1] = try modulo(sp[-1], sp[0])
        case .pow:
          sp -= 1
          sp[-1] = try arithmetic(.pow, sp[-1], sp[0])
        case .negative: sp[-1] = try negate(sp[-1])
        case .positive: sp[-1] = try positive(sp[-1])
        case .not: sp[-1] = .bool(!(try truth(sp[-1])))
        case .compare:
          sp -= 1
          sp[-1] = .bool(try compare(Comparison(rawValue: UInt8(i.a)).unsafelyUnwrapped, sp[-1], sp[0]))
        case .compareChain:
          sp -= 1
          if try compare(Comparison(rawValue: UInt8(i.a)).unsafelyUnwrapped, sp[-1], sp[0]) {
            sp[-1] = sp[0]
          } else {
            sp[-1] = .no
            pc = Int(i.b)
          }
        case .concat:
          let n = Int(i.a)
          sp -= n
          sp.pointee = try concat(sp, n, markup: i.mode == 1)
          sp += 1
        case .jump: pc = Int(i.a)
        case .jumpIfFalse:
          sp -= 1
          if !(try truth(sp.pointee)) { pc = Int(i.a) }
        case .jumpIfTrue:
          sp -= 1
          if try truth(sp.pointee) { pc = Int(i.a) }
        case .jumpIfFalseKeep: if !(try truth(sp[-1])) { pc = Int(i.a) } else { sp -= 1 }
        case .jumpIfTrueKeep: if try truth(sp[-1]) { pc = Int(i.a) } else { sp -= 1 }
        case .jumpUnlessSlotAttribute, .jumpUnlessSlotAttributeEquals:
          let operand = code[pc]
          pc += 1
          var v = slots[Int(i.a)]
          if v.tag.rawValue <= Tag.lazy.rawValue { v = try loadSlow(slots + Int(i.a), constants[Int(operand.b)]) }
          let name = constants[Int(i.b)]
          let found: V
          if v.tag == .dict, let x = lookup(v.dict, name), !isDictMethod(name) { found = x } else { found = try attribute(v, name) }
          if i.op == .jumpUnlessSlotAttribute {
            if !(try truth(found)) { pc = Int(i.c) }
          } else {
            let wanted = constants[Int(operand.a)]
            let equal: Bool
            if found.tag == .str {
              equal = found.aux == wanted.aux && memcmp(found.chars, wanted.chars, found.count) == 0
            } else {
              equal = try self.equal(found, wanted)
            }
            if equal != (i.mode == 0) { pc = Int(i.c) }
          }
        case .operand: break
        // MARK: calls
        case .call:
          let table = i.b < 0 ? nil : program.tables[Int(i.b)]
          let total = Int(i.a) + (table?.count ?? 0)
          sp -= total + 1
          self.sp = sp + total + 1
          let arguments = Args(base: sp + 1, count: Int(i.a), named: table)
          if i.c == 1 {
            if sp.pointee.tag == .macro, i.mode == 0 || (i.mode == 1 && frame.pointee.context.pointee.autoescape) {
              // The macro writes where its result would be printed.
              try callMacro(sp.pointee, arguments)
            } else {
              try emit(try call(sp.pointee, arguments, frame), mode: i.mode, frame)
            }
          } else {
            sp.pointee = try call(sp.pointee, arguments, frame)
            sp += 1
          }
        case .callMethod:
          let table = i.b < 0 ? nil : program.tables[Int(i.b)]
          let total = Int(i.a) + (table?.count ?? 0)
          sp -= total + 1
          self.sp = sp + total + 1
          sp.pointee = try callMethod(sp.pointee, constants[Int(i.c)], Args(base: sp + 1, count: Int(i.a), named: table), frame)
          sp += 1
        case .callSpread:
          var star = V.missing
          var doubleStar = V.missing
          if i.c & 2 != 0 {
            sp -= 1
            doubleStar = sp.pointee
          }
          if i.c & 1 != 0 {
            sp -= 1
            star = sp.pointee
          }
          let table = i.b < 0 ? nil : program.tables[Int(i.b)]
          sp -= Int(i.a) + (table?.count ?? 0) + 1
          self.sp = sp + Int(i.a) + (table?.count ?? 0) + 1
          sp.pointee = try call(sp.pointee, try spread(Args(base: sp + 1, count: Int(i.a), named: table), star, doubleStar), frame)
          sp += 1
        case .filter:
          sp -= Int(i.b)
          self.sp = sp + Int(i.b)
          sp[-1] = try apply(Filter(rawValue: UInt8(truncatingIfNeeded: i.a)).unsafelyUnwrapped, sp - 1, frame)
        case .filterSpread, .testSpread:
          var star = V.missing
          var doubleStar = V.missing
          if i.mode & 2 != 0 {
            sp -= 1
            doubleStar = sp.pointee
          }
          if i.mode & 1 != 0 {
            sp -= 1
            star = sp.pointee
          }
          let table = i.c < 0 ? nil : program.tables[Int(i.c)]
          sp -= Int(i.b) + (table?.count ?? 0)
          self.sp = sp + Int(i.b) + (table?.count ?? 0)
          let arguments = try spread(Args(base: sp, count: Int(i.b), named: table), star, doubleStar)
          if i.op == .filterSpread {
            sp[-1] = try apply(Filter(rawValue: UInt8(truncatingIfNeeded: i.a)).unsafelyUnwrapped, sp[-1], arguments, frame)
          } else {
            sp[-1] = .bool(try test(TestID(rawValue: UInt8(truncatingIfNeeded: i.a)).unsafelyUnwrapped, sp[-1], arguments))
          }
        case .test:
          sp -= Int(i.b)
          sp[-1] = .bool(try test(TestID(rawValue: UInt8(truncatingIfNeeded: i.a)).unsafelyUnwrapped, sp[-1], sp[0]))
        case .unknownFilter: throw unknown("filter", constants[Int(i.a)])
        case .unknownTest: throw unknown("test", constants[Int(i.a)])
        // MARK: loops
        case .loopStart:
          sp -= 1
          let slot = slots + Int(i.a)
          try startLoop(slot, sp.pointee, fresh: i.b == 1, test: Int(i.c))
        case .loopNext:
          let l = slots[Int(i.a)].loop
          try burn(1)
          self.sp = sp
          // Lists and tuples, the common case, without a call.
          if l.pointee.iterator.kind == .list, l.pointee.test < 0 {
            let list = l.pointee.iterator.source.list
            let p = l.pointee.index0 + 1
            guard p < list.pointee.count else {
              pc = Int(i.b)
              continue
            }
            l.pointee.index0 = p
            let v = list.pointee.items[p]
            if i.c >= 0 {
              slots[Int(i.c)] = v
            } else {
              sp.pointee = v
              sp += 1
            }
          } else if let v = try advance(l, frame, program, index) {
            if i.c >= 0 {
              slots[Int(i.c)] = v
            } else {
              sp.pointee = v
              sp += 1
            }
          } else {
            pc = Int(i.b)
          }
        case .unpack:
          sp -= 1
          try unpack(sp.pointee, Int(i.a), sp)
          sp += Int(i.a)
        case .subroutineEnd:
          sp -= 1
          return sp.pointee
        case .recursiveLoop:
          sp -= 1
          self.sp = sp
          try runRecursive(program, Int(i.a), sp.pointee, depth: 0, parent: frame, markup: UInt8(i.b))
        case .loopBind:
          // The iterable waits in the loop's slot.
          sp.pointee = slots[Int(i.a)]
          sp += 1
        // MARK: capture
        case .captureStart:
          slots[Int(i.a)] = .int(outCount)
          captures += 1
        case .captureEnd:
          if let j = joinFault, j.captures == captures, j.depth == depth { throw joinError() }
          captures -= 1
          let markup = i.mode == 1 || (i.mode == 2 && frame.pointee.context.pointee.autoescape)
          sp.pointee = try take(from: slots[Int(i.a)].asInt, markup: markup)
          sp += 1
        case .captureDrop:
          captures -= 1
          outCount = slots[Int(i.a)].asInt
        case .markSafe:
          if frame.pointee.context.pointee.autoescape { sp[-1] = try text(of: sp[-1]).asMarkup }
        // MARK: scopes
        case .saveEscape: slots[Int(i.a)] = .bool(frame.pointee.context.pointee.autoescape)
        case .setEscape:
          sp -= 1
          frame.pointee.context.pointee.autoescape = try truth(sp.pointee)
        case .restoreEscape: frame.pointee.context.pointee.autoescape = slots[Int(i.a)].asBool
        case .export:
          if frame.pointee.context.pointee.exporting {
            try export(frame.pointee.context, constants[Int(i.a)], slots[Int(i.b)], isPublic: i.c == 1)
          }
        case .unexport:
          let exported = frame.pointee.context.pointee.exported
          if exported.tag == .dict { _ = try remove(exported, constants[Int(i.a)]) }
        case .checkNamespace:
          if up(frame, i.c).pointee.slots[Int(i.a)].tag != .namespace {
            throw fail("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
          }
        case .storeNamespace:
          sp -= 1
          let n = up(frame, i.c).pointee.slots[Int(i.b)]
          guard n.tag == .namespace else { throw fail("TemplateRuntimeError", "cannot assign attribute on non-namespace object") }
          try set(n.viewed, constants[Int(i.a)], sp.pointee)
        // MARK: functions
        case .macro:
          let m = try make(
            MacroObject(function: Int(i.a), program: .passUnretained(program), frame: frame, autoescape: frame.pointee.context.pointee.autoescape))
          sp.pointee = V.object(.macro, UnsafeMutableRawPointer(m))
          sp += 1
        case .runGeneration:
          self.sp = sp
          let mark = outCount
          let g = program.functionTable + Int(i.a)
          try call(program, Int(i.a), parent: frame, context: frame.pointee.context) { (s) throws(Fault) in
            if g.pointee.callerSlot >= 0 {
              s[Int(g.pointee.callerSlot)] = try self.undefined(hint: "No caller defined", name: "caller")
            }
            if g.pointee.kwargsSlot >= 0 { s[Int(g.pointee.kwargsSlot)] = try self.dict(capacity: 0) }
            if g.pointee.varargsSlot >= 0 { s[Int(g.pointee.varargsSlot)] = try self.list(capacity: 0, tag: .tuple) }
          }
          if captures == 0 { generations.append(mark..<outCount) }
        case .defaultArgument: if slots[Int(i.a)].tag != .missing { pc = Int(i.b) }
        case .missingArgument:
          if slots[Int(i.a)].tag == .missing {
            let name = constants[Int(i.b)]
            slots[Int(i.a)] = try undefined(hint: "parameter '\(name.text)' was not provided", name: name.text)
          }
        case .finish:
          if let parent = frame.pointee.extends {
            let p = parent.takeUnretainedValue()
            self.sp = sp
            try call(p, 0, parent: nil, context: frame.pointee.context) { (_) throws(Fault) in }
          }
          if let j = joinFault, j.depth == depth {
            if f.pointee.isMacro { throw joinError() }
            if depth == 1 {
              let fault = joinError()
              self.fault.hasStatement = false
              throw fault
            }
            // What a block or an included template writes goes on to whoever called it.
            joinFault?.depth -= 1
          }
          return sp > base ? sp[-1] : .missing
        // MARK: other templates
        case .block:
          self.sp = sp
          try runBlock(constants[Int(i.a)], scoped: i.b & 1 != 0, required: i.b & 2 != 0, table: i.c < 0 ? nil : program.tables[Int(i.c)], frame)
        case .extends:
          sp -= 1
          self.sp = sp
          try extend(sp.pointee, frame)
        case .skipIfExtended: if frame.pointee.extends != nil { pc = Int(i.a) }
        case .failIfExtended:
          if frame.pointee.extends != nil { throw fail("TemplateRuntimeError", "extended multiple times") }
        case .include:
          sp -= 1
          self.sp = sp
          try include(sp.pointee, ignoreMissing: i.a & 1 != 0, withContext: i.a & 2 != 0, table: i.b < 0 ? nil : program.tables[Int(i.b)], frame)
        case .importModule:
          self.sp = sp
          sp[-1] = try importModule(sp[-1], withContext: i.a & 2 != 0, table: i.b < 0 ? nil : program.tables[Int(i.b)], frame)
        case .fromImport:
          let name = constants[Int(i.a)]
          let m = sp[-1].module
          if let v = moduleValue(m, name) {
            slots[Int(i.b)] = v
          } else {
            let importer = program.name.isEmpty ? "" : " in '\(program.name)'"
            slots[Int(i.b)] = try undefined(
              hint: "the template '\(m.pointee.name.text)' (imported on line \(i.c)\(importer)) does not export the requested name '\(name.text)'",
              name: name.text)
          }
        case .superBlock: slots[Int(i.a)] = try superBlock(constants[Int(i.b)], program, Int(i.c), frame.pointee.context)
        case .selfReference: slots[Int(i.a)] = V.object(.selfReference, UnsafeMutableRawPointer(frame.pointee.context))
        }
      }
    } catch {
      if fault.trace.count < 64 {
        fault.trace.append(TraceEntry(program: program, pc: pc - 1, what: f.pointee.what))
        fault.functions.append(index)
      }
      throw error
    }
  }
}
