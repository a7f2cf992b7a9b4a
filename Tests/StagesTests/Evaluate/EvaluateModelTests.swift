import Diagnostics
import Engine
import Foundation
import Statistics
import Testing

/// Models and baselines, which no Markdown can hold.
@Suite struct EvaluateModelTests {
  static let tickets = (0..<60).map { index in
    let intent = ["refund", "login", "billing"][index % 3]
    let word = ["money back", "my password", "the invoice"][index % 3]
    return "{\"id\":\(index),\"lang\":\"\(index % 2 == 0 ? "de" : "en")\",\"text\":\"please \(word) \(index / 3)\",\"intent\":\"\(intent)\"}\n"
  }

  static func model() throws -> [UInt8] {
    var hyperparameters = TextClassifier.Hyperparameters()
    hyperparameters.features.buckets = 4096
    var trainer = TextClassifier.Trainer(hyperparameters, fields: ["text"])
    for (text, label) in [("money back please", "refund"), ("password", "login"), ("an invoice", "billing"), ("my money", "refund")] {
      for _ in 0..<3 { trainer.add([Array(text.utf8)], label: Array(label.utf8)) }
    }
    return try trainer.train(seed: 1).encoded
  }

  static func bench(_ fields: String, model: [UInt8]? = nil) throws -> Bench {
    let bench = try Bench(
      stages: """
        tickets: { kind: ingest, from: Datasets/tickets.jsonl, row_key: id }
        quality:
          kind: evaluate
          from: ${stages.tickets}
          model: Models/intent.model
          gold: intent
        \(fields)
        """, files: [("Datasets/tickets.jsonl", tickets.joined())])
    let folder = bench.scratch.root + "/Models"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(model ?? Self.model()).write(to: URL(fileURLWithPath: folder + "/intent.model"))
    return bench
  }

  @Test("a classifier's model file answers every row, with a probability")
  func modelFile() throws {
    let bench = try Self.bench("  slices: [lang]")
    let (session, report) = try bench.run()
    #expect(report.exitCode == 0)
    #expect(report.stages.last?.note == "accuracy 1.000, macro_f1 1.000")
    #expect(report.stages.last?.figures.number("slices", "de", "accuracy") == 1)
    #expect(report.stages.last?.rowsIn == 60)
    let rows = try bench.rows("quality.rows", session)
    #expect(rows.hasPrefix("{\"row\":0,\"gold\":\"refund\",\"prediction\":\"refund\",\"correct\":true,\"probability\":0."))
    #expect(try bench.run().report.ran == 0)
  }

  @Test("a damaged model is said to be one before anything runs")
  func damagedModel() throws {
    var bytes = try Self.model()
    bytes[bytes.count / 2] ^= 1
    let problems = try Self.bench("  metrics: [accuracy]", model: bytes).lint()
    #expect(problems.map(\.message) == ["this model is damaged: its checksum does not match its bytes"])
    #expect(problems.first?.place?.line == 8)
  }

  @Test("rows without a column that the model reads are refused")
  func columnOfTheModel() throws {
    let bench = try Self.bench("  metrics: [accuracy]")
    try bench.scratch.write("Datasets/tickets.jsonl", "{\"id\":1,\"intent\":\"refund\",\"body\":\"money\"}\n")
    let failure = try bench.run().report.stages.last?.failure
    #expect(failure?.message == "the row has no column `text`, which the model reads")
    #expect(failure?.notes.first?.text == "1, Datasets/tickets.jsonl:1")
  }

  @Test("another interval makes no row again")
  func bootstrapIsInNoKey() throws {
    let bench = try Self.bench("  bootstrap: { samples: 50 }")
    _ = try bench.run()
    let manifest = bench.scratch.read(Bench.manifest)!
    try bench.scratch.write(Bench.manifest, manifest.replacingOccurrences(of: "samples: 50", with: "samples: 60"))
    #expect(try bench.run().report.ran == 0)
  }

  @Test("a baseline is found in the lock of a git revision, and compared with")
  func gitRevision() throws {
    let bench = try Self.bench("  baseline: main\n  expect: [\"accuracy >= baseline.accuracy - 0.01\"]")
    func git(_ arguments: String...) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"] + arguments
      process.currentDirectoryURL = URL(fileURLWithPath: bench.scratch.root)
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationStatus == 0, "git \(arguments)")
    }
    try git("init", "-q", "-b", "main")
    try git("add", "Datasets", "Models")
    try git("commit", "-q", "-m", "data")

    let first = try bench.run().report.stages.last
    #expect(first?.checks.map(\.outcome.rawValue) == ["not checked"])
    #expect(first?.checks.first?.detail == "`main` has no lock for case yet")
    #expect(first?.note == "accuracy 1.000, macro_f1 1.000")

    try git("add", "Manifests")
    try git("commit", "-q", "-m", "lock")
    let second = try bench.run().report
    #expect(second.ran == 0)
    #expect(second.stages.last?.note == "accuracy 1.000 (= main), macro_f1 1.000 (= main)")
    #expect(second.stages.last?.checks.map(\.outcome.rawValue) == ["passed"])

    // Ten answers that were right are wrong now.
    let changed = Self.tickets.enumerated().map { $0.offset < 10 ? $0.element.replacingOccurrences(of: "please", with: "password login") : $0.element }
    try bench.scratch.write("Datasets/tickets.jsonl", changed.joined())
    let third = try bench.run().report
    let accuracy = try #require(third.stages.last?.figures.number("accuracy"))
    #expect(accuracy < 1)
    #expect(third.stages.last?.figures.number("baseline", "accuracy") == 1)
    #expect(third.stages.last?.figures.number("difference", "accuracy", "value") == accuracy - 1)
    #expect(third.exitCode == 3)
  }

  @Test("a baseline of other rows is compared on the rows in both")
  func rowsInBoth() throws {
    let bench = try Bench(
      stages: """
        tickets: { kind: ingest, from: Datasets/tickets.jsonl, row_key: id }
        before: { kind: evaluate, from: "${stages.tickets}", where: id < 40, predictions: Datasets/tickets.jsonl, prediction: lang, gold: intent }
        quality: { kind: evaluate, from: "${stages.tickets}", predictions: Datasets/tickets.jsonl, prediction: intent, gold: intent, metrics: [accuracy], baseline: "${stages.before}" }
        none: { kind: evaluate, from: "${stages.tickets}", where: id < 0, predictions: Datasets/tickets.jsonl, prediction: intent, gold: intent, expect: ["accuracy is none"] }

        """, files: [("Datasets/tickets.jsonl", Self.tickets.joined())])
    let stages = try bench.run().report.stages
    let quality = stages.first { $0.name == "quality" }
    #expect(quality?.note == "accuracy 1.000 (+1.000 [+1.000, +1.000]), 40 rows in both")
    #expect(quality?.figures.number("baseline", "rows") == 40)
    #expect(quality?.figures.number("difference", "rows") == 40)
    // Of no rows there is no score, and nothing to show.
    let none = stages.first { $0.name == "none" }
    #expect(none?.note == "60 predictions of other rows")
    #expect(none?.checks.map(\.outcome.rawValue) == ["passed"])
  }

  @Test("a run and a revision that do not exist are said to be missing")
  func noBaseline() throws {
    for (name, detail) in [
      ("01j0000000000000000000000v", "this store has no run 01j0000000000000000000000v"),
      ("no-such-branch", "git knows no revision `no-such-branch` here, and it is no run"),
    ] {
      let stage = try Self.bench("  baseline: \(name)\n  expect: [\"accuracy >= baseline.accuracy\"]").run().report.stages.last
      #expect(stage?.checks.first?.outcome.rawValue == "not checked")
      #expect(stage?.checks.first?.detail == detail)
    }
  }
}
