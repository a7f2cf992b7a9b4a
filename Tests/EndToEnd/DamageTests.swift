import Foundation
import Testing

/// What is lost or damaged in the store is noticed and made again; a full disk harms nothing.
@Suite(.serialized) struct DamageTests {
  /// With a command that answers row by row: thousands of entries, and bytes that are kept.
  private static let manifest =
    TicketData.manifest.replacingOccurrences(
      of: "from: ${stages.tickets}", with: "from: ${stages.named}") + """
        asked:
          kind: exec
          from: ${stages.tickets}
          run: [cat]
          rows: row
          row_key: id
        named: { kind: ingest, from: "${stages.asked}", row_key: id, sheet: tickets }

      """

  /// A finished workspace of some chunks; every test damages a copy of its own.
  private static func prepared(_ count: Int = 2_000) throws -> TicketWorkspace {
    let workspace = TicketWorkspace()
    try TicketData(count: count, seed: 51).setUp(workspace.folder)
    try workspace.folder.write("tickets.yaml", manifest)
    try workspace.runs()
    // An index is written once enough lies outside it.
    try workspace.runs("--no-cache")
    return workspace
  }

  private static func files(of workspace: TicketWorkspace, _ folder: String) throws -> [String] {
    let files = workspace.files(below: ".pipe/" + folder)
    try #require(!files.isEmpty, ".pipe/\(folder) is empty")
    for file in files { chmod(file, 0o644) }
    return files
  }

  private static func flip(_ file: String, _ random: inout Seeded) throws {
    var bytes = try #require(FileManager.default.contents(atPath: file))
    try #require(!bytes.isEmpty)
    bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
    try bytes.write(to: URL(fileURLWithPath: file))
  }

  private enum Damage: String, CaseIterable {
    case packFlipped, everyBlobFlipped, packDeleted, allPacksDeleted, segmentTruncated,
      segmentFlipped, segmentsDeleted, indexDeleted, indexFlipped, lineageDeleted, storeOfGarbage

    func happen(to workspace: TicketWorkspace, _ random: inout Seeded) throws {
      switch self {
      case .packFlipped:
        let blobs = try files(of: workspace, "packs")
        try flip(blobs[random.below(blobs.count)], &random)
      case .everyBlobFlipped:
        // Chunks have some hundred KB: this meets every one of a pack.
        for pack in try files(of: workspace, "packs") {
          chmod(pack, 0o644)
          var bytes = try Data(contentsOf: URL(fileURLWithPath: pack))
          for at in stride(from: 4096, to: bytes.count, by: 8192) { bytes[at] ^= 1 << UInt8(random.below(8)) }
          try bytes.write(to: URL(fileURLWithPath: pack))
        }
      case .packDeleted:
        let blobs = try files(of: workspace, "packs")
        try FileManager.default.removeItem(atPath: blobs[random.below(blobs.count)])
      case .allPacksDeleted: try workspace.remove(".pipe/packs")
      case .segmentTruncated:
        for segment in try files(of: workspace, "segments") {
          let size = try #require(FileManager.default.contents(atPath: segment)?.count)
          truncate(segment, random.below(size))
        }
      case .segmentFlipped:
        for segment in try files(of: workspace, "segments") {
          for _ in 0..<5 { try flip(segment, &random) }
        }
      case .segmentsDeleted: try workspace.remove(".pipe/segments")
      case .indexDeleted: try workspace.remove(".pipe/index")
      case .indexFlipped:
        chmod(workspace.path + "/.pipe/index", 0o644)
        for _ in 0..<50 { try flip(workspace.path + "/.pipe/index", &random) }
      case .lineageDeleted:
        // An index that is safe to delete, and safe to spoil.
        try? workspace.remove(".pipe/lineage.sqlite")
        try workspace.folder.write(".pipe/lineage.sqlite", "not a database")
      case .storeOfGarbage:
        for file in try files(of: workspace, "segments") + files(of: workspace, "packs") + [
          workspace.path + "/.pipe/index", workspace.path + "/.pipe/stat",
        ] {
          var noise = Data(count: 1 + random.below(50_000))
          for index in noise.indices { noise[index] = UInt8(truncatingIfNeeded: random.next()) }
          try noise.write(to: URL(fileURLWithPath: file))
        }
      }
    }
  }

  @Test func whatIsDamagedIsMadeAgain() throws {
    let sound = try Self.prepared()
    try #require(sound.folder.exists(".pipe/index"))
    let same = sound.results()
    let changed = try sound.inputsOnly()
    try changed.edit("tickets.yaml", ("Ticket of", "From"))
    try changed.runs()
    let other = changed.results()
    try #require(TicketWorkspace.differing(same, other).count == 3)

    for damage in Damage.allCases {
      for seed in [52, 53] as [UInt64] {
        var random = Seeded(seed)
        let what = "\(damage.rawValue), seed \(seed)"
        let workspace = try sound.copied()
        try damage.happen(to: workspace, &random)

        // Files that people deleted: their bytes are needed again.
        try workspace.remove("Outputs")
        let again = try workspace.run()
        #expect(again.status == 0, "\(what): \(again.answer.errors)")
        #expect(workspace.differing(from: same) == [], "\(what)")

        // An edit that needs the bytes of other stages, on a store damaged once more.
        try? damage.happen(to: workspace, &random)
        try workspace.edit("tickets.yaml", ("Ticket of", "From"))
        let edited = try workspace.run()
        #expect(edited.status == 0, "\(what), edited: \(edited.answer.errors)")
        #expect(workspace.differing(from: other) == [], "\(what), edited")
        let second = try workspace.run()
        #expect(second.ran == 0, "\(what), second run: \(second.answer.errors)")
        #expect(workspace.differing(from: other) == [], "\(what), second run")
        let trace = try CLIProgram.run("trace", "Outputs/tickets/train.jsonl:7", in: workspace.path)
        #expect(
          trace.status == 0 && trace.output.contains("data/tickets.jsonl:"),
          "\(what): \(trace.errors)")
      }
    }
  }

  @Test func aFlippedBitIsFoundByVerify() throws {
    let workspace = try Self.prepared(500)
    #expect(try CLIProgram.run("cache", "verify", in: workspace.path).status == 0)
    var random = Seeded(54)
    let blobs = try Self.files(of: workspace, "packs")
    let blob = blobs[random.below(blobs.count)]
    try Self.flip(blob, &random)
    let answer = try CLIProgram.run("cache", "verify", in: workspace.path)
    #expect(answer.status == 3, "\(answer.output)\(answer.errors)")
    #expect((answer.output + answer.errors).contains(blob.split(separator: "/").last!))
  }

  /// Runs out of space at different moments: the old outputs stay, whole, and the next run is fine.
  private static func outOfSpace(
    _ what: String, in workspace: TicketWorkspace, expected: [String: Data],
    failing: () throws -> CLIProgram.Answer, relieve: () throws -> Void
  ) throws {
    let before = workspace.results()
    let answer = try failing()
    #expect(answer.status == 1, "\(what): status \(answer.status), \(answer.errors)")
    #expect(
      answer.errors.contains("no space") || answer.errors.contains("too large"),
      "\(what): \(answer.errors)")
    #expect(!answer.errors.contains("bug"), "\(what): \(answer.errors)")
    #expect(workspace.differing(from: before) == [], "\(what)")
    try relieve()
    let next = try workspace.run()
    #expect(next.status == 0, "\(what): \(next.answer.errors)")
    #expect(workspace.differing(from: expected) == [], "\(what)")
  }

  @Test(.enabled(if: maySeeAFullDisk, "mounting a small file system is not permitted here; the limit of file sizes stands for it"))
  func aFullDiskIsSaidAndHarmsNothing() throws {
    let start = try Self.prepared()
    let changed = try start.inputsOnly()
    try changed.edit("tickets.yaml", ("Ticket of", "From"))
    try changed.runs()
    let expected = changed.results()
    let workspace = TicketWorkspace()
    try TicketWorkspace.command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", workspace.path)
    defer { try? TicketWorkspace.command("umount", "-l", workspace.path) }
    for free in [0, 100, 1_000, 3_000] {
      try TicketWorkspace.command(
        "sh", "-c", "rm -rf \"$1\"/* \"$1\"/.pipe; cp -a \"$0\"/. \"$1\"/", start.path,
        workspace.path)
      try workspace.edit("tickets.yaml", ("Ticket of", "From"))
      try TicketWorkspace.command(
        "sh", "-c",
        "cd \"$0\"; head -c \(free * 1024) /dev/zero >reserve; cat /dev/zero >filler 2>/dev/null; rm reserve",
        workspace.path)
      try Self.outOfSpace("\(free) KiB free", in: workspace, expected: expected) {
        try CLIProgram.run("run", in: workspace.path)
      } relieve: {
        try workspace.remove("filler")
      }
    }
  }

  @Test(arguments: [64, 400, 1_000]) func aLimitOfFileSizesIsSaidAndHarmsNothing(_ kilobytes: Int)
    throws
  {
    let workspace = try Self.prepared()
    let changed = try workspace.inputsOnly()
    try changed.edit("tickets.yaml", ("Ticket of", "From"))
    try changed.runs()
    try workspace.edit("tickets.yaml", ("Ticket of", "From"))
    try Self.outOfSpace("limit \(kilobytes) KiB", in: workspace, expected: changed.results()) {
      // Tests may run with the signal ignored, which would be inherited.
      #if os(Linux)
        let reset = "env --default-signal=XFSZ "
      #else
        let reset = ""
      #endif
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = [
        "-c", "ulimit -f \(kilobytes); exec \(reset)\"$0\" run >.out 2>.err", CLIProgram.path,
      ]
      process.currentDirectoryURL = URL(fileURLWithPath: workspace.path)
      try process.run()
      process.waitUntilExit()
      let status =
        process.terminationReason == .uncaughtSignal
        ? 128 + process.terminationStatus : process.terminationStatus
      return CLIProgram.Answer(
        status: status, output: try workspace.folder.read(".out"),
        errors: try workspace.folder.read(".err"))
    } relieve: {
    }
  }
}

/// Whether a small file system can be mounted: on Linux, by root, and not in most containers.
private let maySeeAFullDisk: Bool = {
  let folder = CLIProgram.Folder()
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/sh")
  process.arguments = ["-c", "mount -t tmpfs -o size=1m tmpfs \"$0\" 2>/dev/null && umount \"$0\"", folder.path]
  guard (try? process.run()) != nil else { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}()
