/// Random numbers from a seed (SplitMix64), the same everywhere.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A number below `limit`.
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// So many different numbers below `limit`.
  mutating func different(_ count: Int, below limit: Int) -> [Int] {
    var found: Set<Int> = []
    while found.count < count { found.insert(below(limit)) }
    return found.sorted()
  }
}

/// Tickets made from a seed, their labels, and the manifest that turns them into a training set.
struct TicketData {
  static let classes = ["billing", "login", "refund", "other"]
  var rows: [String]
  var labels: [String]

  init(count: Int, seed: UInt64) {
    var random = Seeded(seed)
    rows = (0..<count).map { TicketData.row("T\($0)", &random) }
    labels = (0..<count).map { TicketData.label("T\($0)", TicketData.classes[random.below(4)]) }
  }

  /// Phrases instead of words: tests are built for debugging, and this makes 60 MB in seconds.
  private static let phrases: [String] = {
    let words = [
      "karte", "zahlung", "konto", "rückruf", "\\\"so\\\"", "strom", "zähler", "login", "passwort",
      "😀", "1.10", "bitte",
    ]
    var random = Seeded(1)
    return (0..<512).map { _ in (0..<8).map { _ in words[random.below(words.count)] + " " }.joined()
    }
  }()

  /// About 830 bytes on average.
  static func row(_ id: String, _ random: inout Seeded) -> String {
    var row = "{\"id\":\"\(id)\",\"customer\":\"C\(random.below(5000))\",\"text\":\""
    for _ in 0..<4 + random.below(21) { row += phrases[random.below(phrases.count)] }
    row += "\",\"amount\":1.10}"
    return row
  }

  static func label(_ item: String, _ name: String, confidence: String = "0.9") -> String {
    "{\"sheet\":\"tickets\",\"item\":\"\(item)\",\"label_type\":\"intent\",\"label\":\"\(name)\",\"confidence\":\(confidence)}"
  }

  func write(into folder: CLIProgram.Folder) throws {
    try folder.write("data/tickets.jsonl", rows.joined(separator: "\n") + "\n")
    try folder.write("data/labels.jsonl", labels.joined(separator: "\n") + "\n")
  }

  static let manifest = """
    schema: pipe/v1
    name: tickets
    version: 1.0.0
    label_types:
      intent: { kind: class, classes: [billing, login, refund, other], uses: [training, evaluation] }
    stages:
      tickets: { kind: ingest, from: data/tickets*.jsonl, row_key: id, sheet: tickets }
      pairs:
        kind: assemble
        from: ${stages.tickets}
        labels: data/labels.jsonl
        label_type: intent
        messages:
          - { role: user, content: "Ticket of {{ customer }}: {{ text }}" }
          - { role: assistant, content: "{{ intent }}" }
      dataset:
        kind: export
        from: ${stages.pairs}
        format: openai-chat
        split: { by: customer, into: { train: 0.9, eval: 0.1 } }
        gate: { status: [labeled], use: training }
        to: Outputs/tickets/${split}.jsonl
        expect: [ "rows.train > 0", "overlap(train, eval, key='customer') == 0" ]

    """

  func setUp(_ folder: CLIProgram.Folder) throws {
    try folder.write("tickets.yaml", TicketData.manifest)
    try write(into: folder)
  }
}
