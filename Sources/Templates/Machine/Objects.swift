/// Where names that are not local are looked up: Jinja2's `Context`.
struct ContextObject {
  /// What the template set at its top level; a dict, or missing when nothing was.
  var vars = V.missing
  /// What the including template handed over.
  var locals = V.missing
  var outer: UnsafeMutablePointer<ContextObject>?
  var usesRow = true
  var autoescape = false
  /// Somebody will ask for what is set here.
  var exporting = false
  /// Public names, in a dict so that each counts once.
  var exported = V.missing
  /// Index into `Machine.blockTables`, or -1.
  var blocks = -1
}

/// The variables of one running function.
struct FrameObject {
  var slots: UnsafeMutablePointer<V>
  var parent: UnsafeMutablePointer<FrameObject>?
  var context: UnsafeMutablePointer<ContextObject>
  var program: Unmanaged<Program>
  /// The template this one extends, once `extends` has run.
  var extends: Unmanaged<Program>?
  /// Which function runs, for the tests of its loops.
  var function = 0
}

struct MacroObject {
  var function: Int
  var program: Unmanaged<Program>
  var frame: UnsafeMutablePointer<FrameObject>
  var autoescape: Bool
}

/// A running loop: what it walks over and where it is.
struct LoopObject {
  var iterator: Iterator
  var source: V
  var index0 = -1
  var length = -1
  var after = V.missing
  var current = V.missing
  var before = V.missing
  var lastChanged = V.missing
  var depth0 = 0
  /// For a recursive loop: its function and the frame around it.
  var function = -1
  var frame: UnsafeMutablePointer<FrameObject>?
  var markup: UInt8 = 0
  /// Where the `if` of the loop is computed, or -1.
  var test = -1
}

/// A walk over a value's items.
struct Iterator {
  enum Kind: UInt8 { case empty, list, dict, string, range, generator, view, failing }
  var kind: Kind
  var source: V
  var position = 0
  /// How many entries a dictionary had when the walk began.
  var limit = 0
}

/// A lazy filter result: each item is computed when it is asked for.
struct GeneratorObject {
  enum Kind: UInt8 { case plain, map, mapAttribute, select, reject }
  var kind: Kind
  var iterator: Iterator
  var filter: Filter = .abs
  var test: TestID = .defined
  /// Arguments of the filter or test: the first is the item.
  var arguments: UnsafeMutablePointer<V>?
  var count = 0
  var names: NameTable?
  /// The attribute path, or missing.
  var path = V.missing
  var fallback = V.missing
  var hasTest = false
  var label = V.missing
}

struct ModuleObject {
  var context: UnsafeMutablePointer<ContextObject>
  var body: V
  var name: V
}

struct BlockObject {
  var name: V
  var context: UnsafeMutablePointer<ContextObject>
  var depth: Int
}

/// The chain of definitions of each block, child first.
typealias BlockTable = [(name: String, chain: [(program: Program, function: Int)])]

extension V {
  var macro: UnsafeMutablePointer<MacroObject> { pointer.assumingMemoryBound(to: MacroObject.self) }
  var generator: UnsafeMutablePointer<GeneratorObject> { pointer.assumingMemoryBound(to: GeneratorObject.self) }
  var rangeObject: RangeObject { pointer.assumingMemoryBound(to: RangeObject.self).pointee }
  var module: UnsafeMutablePointer<ModuleObject> { pointer.assumingMemoryBound(to: ModuleObject.self) }
  var block: UnsafeMutablePointer<BlockObject> { pointer.assumingMemoryBound(to: BlockObject.self) }
  var method: UnsafeMutablePointer<MethodObject> { pointer.assumingMemoryBound(to: MethodObject.self) }
  var cycler: UnsafeMutablePointer<CyclerObject> { pointer.assumingMemoryBound(to: CyclerObject.self) }
  var joiner: UnsafeMutablePointer<JoinerObject> { pointer.assumingMemoryBound(to: JoinerObject.self) }
  /// The dictionary behind a view, or behind a namespace.
  var viewed: V { V(.dict, bits: bits) }
  var undefinedObject: UnsafeMutablePointer<UndefinedObject>? {
    bits == 0 ? nil : pointer.assumingMemoryBound(to: UndefinedObject.self)
  }
}
