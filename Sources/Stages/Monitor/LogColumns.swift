internal import Rows

/// Finds the columns of a row in one pass. Rows of a log have their fields in one order, so each is looked for where it was last.
struct LogColumns {
  /// The watched columns, as JSON keys. Where nobody named them, those that rows were found to have.
  private(set) var tokens: [[UInt8]]
  private let isOpen: Bool
  /// Places of the request's own columns and then of the watched ones; a column may be both.
  private let own: [[UInt8]]
  private var places: [[UInt8]: Int] = [:]
  /// By place in the last row: the key there, and its column; -1 for one that nobody asks for.
  private var layout: [(token: [UInt8], column: Int)] = []
  private var ownRanges: [Range<Int>?]
  private var found: [(column: Int, range: Range<Int>)] = []

  init(own: [[UInt8]], watched: [[UInt8]]?) {
    self.own = own
    tokens = watched ?? []
    isOpen = watched == nil
    ownRanges = Array(repeating: nil, count: own.count)
    for (column, token) in tokens.enumerated() { places[token] = column }
  }

  /// Looks a row over.
  mutating func read(_ row: UnsafeRawBufferPointer) {
    for place in ownRanges.indices { ownRanges[place] = nil }
    found.removeAll(keepingCapacity: true)
    var ordinal = 0
    JSONScanner.forEachField(row) { key, value in
      let name = UnsafeRawBufferPointer(rebasing: row[key])
      if ordinal >= layout.count || layout[ordinal].token.count != name.count || !layout[ordinal].token.elementsEqual(name) {
        let token = Array(name)
        let entry = (token, column(of: token))
        if ordinal < layout.count { layout[ordinal] = entry } else { layout.append(entry) }
      }
      let column = layout[ordinal].column
      if column >= 0 { found.append((column, value)) }
      for place in own.indices where own[place].count == name.count && own[place].elementsEqual(name) { ownRanges[place] = value }
      ordinal += 1
      return true
    }
  }

  private mutating func column(of token: [UInt8]) -> Int {
    if let known = places[token] { return known }
    let column = isOpen && !own.contains(token) ? tokens.count : -1
    if column >= 0 { tokens.append(token) }
    places[token] = column
    return column
  }

  /// The value of one of the request's own columns in the row that was read last.
  func own(_ place: Int, _ row: UnsafeRawBufferPointer) -> JSONView? { ownRanges[place].map { JSONView(UnsafeRawBufferPointer(rebasing: row[$0])) } }

  /// Adds the watched values of the row that was read last.
  func add(_ row: UnsafeRawBufferPointer, to samples: inout [FieldSample]) {
    while samples.count < tokens.count { samples.append(FieldSample()) }
    for (column, range) in found { samples[column].add(JSONView(UnsafeRawBufferPointer(rebasing: row[range])), isBounded: isOpen) }
  }
}
