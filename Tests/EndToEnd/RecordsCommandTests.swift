import Foundation
import Testing

/// Records for others, as somebody at a terminal makes and checks them.
@Suite struct RecordsCommandTests {
  private static let manifest = """
    schema: pipe/v1
    name: notes
    version: 1.2.0
    stages:
      notes: { kind: ingest, from: data/notes.jsonl, row_key: id, columns: { id: id, text: text, email: { from: email, pii: true } } }
      copy: { kind: export, from: "${stages.notes}", format: jsonl, to: Outputs/notes/copy.jsonl }

    """
  private static let key = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIFH3TeAcIoH9BVbPij8IVVKCCLPNWgBXuYl1RIYaxr3n
    -----END PRIVATE KEY-----

    """
  private static let publicKey = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAp3WxynbNht/xTZhWOgYxzNygQA/ZF3G4p+HFmd663Uk=
    -----END PUBLIC KEY-----

    """

  private static func folder() throws -> CLIProgram.Folder {
    let folder = CLIProgram.Folder()
    try folder.write("Manifests/notes.yaml", manifest)
    try folder.write("data/notes.jsonl", (1...5).map { "{\"id\":\($0),\"text\":\"note \($0)\",\"email\":\"ann\($0)@example.org\"}\n" }.joined())
    return folder
  }

  private static let noSending = ["OPENLINEAGE_URL": "", "PIPE_SIGNING_KEY": "", "PIPE_VERIFYING_KEY": ""]

  @Test func aSignedStatementHoldsUntilSomethingIsTouched() throws {
    let folder = try Self.folder()
    try folder.write("key.pem", Self.key)
    try folder.write("key.pub.pem", Self.publicKey)
    #expect(try CLIProgram.run("run", in: folder.path, environment: Self.noSending).status == 0)
    #expect(try CLIProgram.run("verify", in: folder.path).status == 0)
    let made = try CLIProgram.run("records", "slsa", "--key", "key.pem", "-o", "p.intoto.jsonl", in: folder.path, environment: Self.noSending)
    #expect(made.status == 0, "\(made.errors)")
    let arguments = ["verify", "--provenance", "p.intoto.jsonl", "--key", "key.pub.pem"]
    func verify() throws -> CLIProgram.Answer { try CLIProgram.start(arguments, in: folder.path, environment: Self.noSending).wait() }
    let whole = try verify()
    #expect(whole.status == 0, "\(whole.output)")
    #expect(whole.output.contains("signed by 04afd20cfee1"))

    let output = try folder.read("Outputs/notes/copy.jsonl")
    try folder.write("Outputs/notes/copy.jsonl", output.replacingOccurrences(of: "note 3", with: "note 4"))
    let edited = try verify()
    #expect(edited.status == 3)
    #expect(edited.output.contains("FAILED  Outputs/notes/copy.jsonl"))
    try folder.write("Outputs/notes/copy.jsonl", output)

    let statement = try folder.read("p.intoto.jsonl")
    try folder.write("p.intoto.jsonl", statement.replacingOccurrences(of: "\"sig\":\"", with: "\"sig\":\"A"))
    #expect(try verify().status == 3)
    try folder.write("p.intoto.jsonl", "")
    #expect(try verify().output.contains("no statement"))
    try FileManager.default.removeItem(atPath: folder.path + "/p.intoto.jsonl")
    #expect(try verify().status == 3)
    try folder.write("key.pub.pem", "rubbish")
    try folder.write("p.intoto.jsonl", statement)
    #expect(try verify().status == 2)
    for name in ["p.intoto.jsonl"] { #expect(!(try folder.read(name)).contains("MC4CAQ")) }
  }

  @Test func theKeyMayComeFromTheEnvironment() throws {
    let folder = try Self.folder()
    _ = try CLIProgram.run("run", in: folder.path, environment: Self.noSending)
    let made = try CLIProgram.run("records", "slsa", in: folder.path, environment: ["PIPE_SIGNING_KEY": Self.key])
    #expect(made.output.contains("\"payloadType\":\"application/vnd.in-toto+json\""))
    try folder.write("p.jsonl", made.output)
    #expect(try CLIProgram.run("verify", "--provenance", "p.jsonl", in: folder.path, environment: ["PIPE_VERIFYING_KEY": Self.publicKey]).status == 0)
    let bad = try CLIProgram.run("records", "slsa", in: folder.path, environment: ["PIPE_SIGNING_KEY": Self.key.replacingOccurrences(of: "IEIFH3", with: "IEI")])
    #expect(bad.status == 2)
    #expect(!bad.errors.contains("Tea"))
  }

  @Test func runsAreToldAndNobodyWaitsForAnEndpoint() throws {
    let folder = try Self.folder()
    let run = try CLIProgram.run("run", "--openlineage", "events.jsonl", in: folder.path, environment: Self.noSending)
    #expect(run.status == 0, "\(run.errors)")
    let events = try folder.read("events.jsonl").split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] }
    let types = events.compactMap { $0["eventType"] as? String }
    #expect(types.filter { $0 == "START" }.count == 3)
    #expect(types.filter { $0 == "COMPLETE" }.count == 3)
    #expect(types.first == "START" && types.last == "COMPLETE")
    // Nothing to do is nothing to tell.
    _ = try CLIProgram.run("run", "--openlineage", "none.jsonl", in: folder.path, environment: Self.noSending)
    #expect(try folder.read("none.jsonl").isEmpty)

    try folder.write("data/notes.jsonl", "{\"id\":1,\"text\":\"x\",\"email\":\"a@b\"}\n")
    let refused = try CLIProgram.run("run", in: folder.path, environment: ["OPENLINEAGE_URL": "http://ann:secret-word@127.0.0.1:1", "OPENLINEAGE_API_KEY": "token-word"])
    #expect(refused.status == 0)
    #expect((refused.output + refused.errors).contains("OpenLineage events could not be sent"))
    #expect(!(refused.output + refused.errors).contains("-word"))
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/.pipe") {
      guard let bytes = FileManager.default.contents(atPath: folder.path + "/.pipe/" + name) else { continue }
      #expect(bytes.range(of: Data("-word".utf8)) == nil, "\(name)")
    }
    #expect(try CLIProgram.run("run", "--openlineage", "ftp://x", in: folder.path).status == 2)
  }

  @Test func documentsHoldNoPersonalData() throws {
    let folder = try Self.folder()
    _ = try CLIProgram.run("run", in: folder.path, environment: Self.noSending)
    for format in ["openlineage", "slsa", "prov", "croissant"] {
      let answer = try CLIProgram.run("records", format, in: folder.path, environment: Self.noSending)
      #expect(answer.status == 0, "\(format): \(answer.errors)")
      #expect(!answer.output.contains("@example.org"), "\(format)")
    }
    let again = try CLIProgram.run("records", "croissant", in: folder.path).output
    #expect(again == (try CLIProgram.run("records", "croissant", in: folder.path).output))
    #expect(again.contains("column email of notes.rows"))
    let down = try CLIProgram.run("trace", "--down", "email=ann2@example.org", in: folder.path)
    #expect(down.status == 0)
    #expect(down.output.contains("Outputs/notes/copy.jsonl:2"))
  }
}
