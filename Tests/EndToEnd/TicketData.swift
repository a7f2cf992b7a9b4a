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
}

/// Tickets made from a seed, their labels, and the manifest that turns them into a training set.
struct TicketData {
  static let classes = ["billing", "login", "refund", "other"]
  var rows: [String]
  var labels: [String]

  init(count: Int, seed: UInt64) {
    var random = Seeded(seed)
    rows = (0..<count).map { TicketData.row($0, &random) }
    labels = (0..<count).map { TicketData.label($0, TicketData.classes[Int.random(in: 0..<4, using: &random)]) }
  }

  static func row(_ id: Int, _ random: inout Seeded) -> String {
    let words = ["karte", "zahlung", "konto", "rückruf", "\\\"so\\\"", "strom", "zähler", "login", "passwort", "😀", "1.10", "bitte"]
    let text = (0..<Int.random(in: 30...200, using: &random)).map { _ in words[Int.random(in: 0..<words.count, using: &random)] }.joined(separator: " ")
    return "{\"id\":\"T\(id)\",\"customer\":\"C\(Int.random(in: 0..<5000, using: &random))\",\"text\":\"\(text)\",\"amount\":1.10}"
  }

  static func label(_ id: Int, _ name: String) -> String {
    "{\"sheet\":\"tickets\",\"item\":\"T\(id)\",\"label_type\":\"intent\",\"label\":\"\(name)\",\"confidence\":0.9}"
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
    try folder.write("tickets.yaml", TicketData.manifest + "\n")
    try write(into: folder)
  }
}
