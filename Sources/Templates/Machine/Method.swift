/// The methods of Python's built-in types that templates can call.
enum Method: UInt16, CaseIterable {
  // str
  case capitalize, casefold, center, count, encode, endswith, expandtabs, find, format, format_map, index, isalnum, isalpha, isascii, isdecimal
  case isdigit, isidentifier, islower, isnumeric, isprintable, isspace, istitle, isupper, join, ljust, lower, lstrip, partition, removeprefix
  case removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip, split, splitlines, startswith, strip, swapcase, title, translate
  case upper, zfill
  // dict
  case keys, values, items, get, pop, popitem, setdefault, update, clear, copy, fromkeys
  // list
  case append, extend, insert, remove, reverse, sort
  // numbers
  case is_integer, bit_length, conjugate, hex, as_integer_ratio, bit_count, to_bytes, from_bytes, fromhex

  static let byName: [String: Method] = {
    var t: [String: Method] = [:]
    for m in allCases { t["\(m)"] = m }
    return t
  }()

  /// Names that Python finds on every object, which the sandbox refuses.
  static let internals: Set<String> = [
    "__class__", "__doc__", "__init__", "__dict__", "__module__", "__eq__", "__ne__", "__hash__", "__repr__", "__str__", "__len__", "__iter__",
    "__getattribute__", "__getitem__", "__contains__", "__add__", "__mul__", "__new__", "__reduce__", "__reduce_ex__", "__sizeof__", "__subclasshook__",
    "__dir__", "__format__", "__setattr__", "__delattr__", "__init_subclass__", "__lt__", "__le__", "__gt__", "__ge__", "__getstate__",
  ]

  /// Names that Python finds on functions and methods besides.
  static let ofFunctions: Set<String> = [
    "__self__", "__name__", "__qualname__", "__call__", "__func__", "__code__", "__globals__", "__closure__", "__defaults__", "__kwdefaults__",
    "__annotations__", "__wrapped__",
  ]

  // A string constant carries in `extra`: the method's number plus one, bit 15 when dictionaries have it, bit 14 for an internal name,
  // bit 13 for a name that is neither.
  static func marked(_ v: V) -> V {
    var v = v
    let text = v.text
    if let m = byName[text] {
      v.extra = m.rawValue + 1
      if m.isOfDict { v.extra |= 0x8000 }
    } else if internals.contains(text) {
      v.extra = 0xC000
    } else {
      v.extra = 0x2000
    }
    return v
  }

  var isOfDict: Bool { rawValue >= Method.keys.rawValue && rawValue <= Method.fromkeys.rawValue }

  var isOfString: Bool { rawValue <= Method.zfill.rawValue }

  var isOfList: Bool {
    switch self {
    case .append, .extend, .insert, .remove, .reverse, .sort, .pop, .clear, .copy, .index, .count: true
    default: false
    }
  }

  /// Changes a list or dictionary; refused by an immutable environment.
  func changes(_ tag: Tag) -> Bool {
    switch self {
    case .append, .extend, .insert, .remove, .reverse, .sort: tag == .list
    case .pop, .clear: tag == .list || tag == .dict
    case .popitem, .setdefault, .update: tag == .dict
    default: false
    }
  }
}

@inline(__always) func isDictMethod(_ name: V) -> Bool { name.extra & 0x8000 != 0 }
