/// The filters of the language.
enum Filter: UInt8, CaseIterable {
  case abs, attr, batch, capitalize, center, `default`, dictsort, escape, filesizeformat, first, float, forceescape, format, groupby, indent
  case int, items, join, last, length, list, lower, map, max, min, pprint, reject, rejectattr, replace, reverse, round, safe, select, selectattr
  case slice, sort, string, striptags, sum, title, tojson, tojsonPlain, trim, truncate, unique, upper, urlencode, urlize, wordcount, wordwrap, xmlattr
}

/// The tests of the language.
enum TestID: UInt8, CaseIterable {
  case boolean, callable, defined, divisibleby, eq, escaped, even, `false`, filter, float, ge, gt, `in`, integer, iterable, le, lower, lt, mapping, ne
  case none, number, odd, sameas, sequence, string, test, `true`, undefined, upper
}

/// How a filter or test takes its arguments.
struct Signature {
  var parameters: [String]
  var required: Int
  /// Takes any arguments and sorts them out itself.
  var variadic = false
}

enum Names {
  static let filters: [String: Filter] = {
    var t: [String: Filter] = [:]
    for f in Filter.allCases where f != .tojsonPlain { t["\(f)"] = f }
    t["d"] = .default
    t["e"] = .escape
    t["count"] = .length
    return t
  }()

  static let tests: [String: TestID] = {
    var t: [String: TestID] = [:]
    for f in TestID.allCases { t["\(f)"] = f }
    t["=="] = .eq
    t["equalto"] = .eq
    t["!="] = .ne
    t[">"] = .gt
    t["greaterthan"] = .gt
    t[">="] = .ge
    t["<"] = .lt
    t["lessthan"] = .lt
    t["<="] = .le
    return t
  }()

  static let globals: [String: Global] = {
    var t: [String: Global] = [:]
    for g in Global.allCases { t[g == .raise ? "raise_exception" : g == .strftime ? "strftime_now" : "\(g)"] = g }
    return t
  }()

  static func filter(_ name: String, plainJSON: Bool) -> Filter? {
    guard let f = filters[name] else { return nil }
    return f == .tojson && plainJSON ? .tojsonPlain : f
  }
}

/// The functions every template knows.
enum Global: UInt8, CaseIterable { case range, dict, cycler, joiner, namespace, raise, strftime }

extension Filter {
  var signature: Signature {
    switch self {
    case .abs, .capitalize, .escape, .first, .forceescape, .items, .last, .length, .list, .lower, .pprint, .reverse, .safe, .string, .striptags,
      .title, .upper, .urlencode, .wordcount:
      Signature(parameters: [], required: 0)
    case .attr: Signature(parameters: ["name"], required: 1)
    case .batch: Signature(parameters: ["linecount", "fill_with"], required: 1)
    case .center: Signature(parameters: ["width"], required: 0)
    case .default: Signature(parameters: ["default_value", "boolean"], required: 0)
    case .dictsort: Signature(parameters: ["case_sensitive", "by", "reverse"], required: 0)
    case .filesizeformat: Signature(parameters: ["binary"], required: 0)
    case .float: Signature(parameters: ["default"], required: 0)
    case .format, .map, .reject, .rejectattr, .select, .selectattr: Signature(parameters: [], required: 0, variadic: true)
    case .groupby: Signature(parameters: ["attribute", "default", "case_sensitive"], required: 1)
    case .indent: Signature(parameters: ["width", "first", "blank"], required: 0)
    case .int: Signature(parameters: ["default", "base"], required: 0)
    case .join: Signature(parameters: ["d", "attribute"], required: 0)
    case .max, .min, .unique: Signature(parameters: ["case_sensitive", "attribute"], required: 0)
    case .replace: Signature(parameters: ["old", "new", "count"], required: 2)
    case .round: Signature(parameters: ["precision", "method"], required: 0)
    case .slice: Signature(parameters: ["slices", "fill_with"], required: 1)
    case .sort: Signature(parameters: ["reverse", "case_sensitive", "attribute"], required: 0)
    case .sum: Signature(parameters: ["attribute", "start"], required: 0)
    case .tojson: Signature(parameters: ["indent"], required: 0)
    case .tojsonPlain: Signature(parameters: ["ensure_ascii", "indent", "separators", "sort_keys"], required: 0)
    case .trim: Signature(parameters: ["chars"], required: 0)
    case .truncate: Signature(parameters: ["length", "killwords", "end", "leeway"], required: 0)
    case .urlize: Signature(parameters: ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"], required: 0)
    case .wordwrap: Signature(parameters: ["width", "break_long_words", "wrapstring", "break_on_hyphens"], required: 0)
    case .xmlattr: Signature(parameters: ["autospace"], required: 0)
    }
  }

  /// Looks at the context, so Jinja2 never computes it ahead of time.
  var needsContext: Bool {
    switch self {
    case .map, .reject, .rejectattr, .select, .selectattr: true
    default: false
    }
  }
}

extension TestID {
  var signature: Signature {
    switch self {
    case .divisibleby: Signature(parameters: ["num"], required: 1)
    case .eq, .ne, .gt, .ge, .lt, .le: Signature(parameters: ["b"], required: 1)
    case .in: Signature(parameters: ["seq"], required: 1)
    case .sameas: Signature(parameters: ["other"], required: 1)
    default: Signature(parameters: [], required: 0)
    }
  }
}
