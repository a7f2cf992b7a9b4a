import Foundation
import Testing

/// What Docs/CI.md says, done: a repository with a bare remote, clones, branches, merges, a CI that keeps `.pipe`.
@Suite struct ContinuousIntegrationTests {
  /// A folder in which commands are run as a CI runs them; `pipe` is on the path.
  private struct Place {
    let path: String
    let home: CLIProgram.Folder

    @discardableResult
    func sh(_ script: String, environment: [String: String] = [:]) throws -> CLIProgram.Answer {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", script]
      process.currentDirectoryURL = URL(fileURLWithPath: path)
      var variables = [
        "PATH": home.path + "/bin:" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"), "HOME": home.path, "CI": "true", "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
      ]
      variables.merge(environment) { $1 }
      process.environment = variables
      let base = FileManager.default.temporaryDirectory.path + "/pipe-ci-\(UUID().uuidString)"
      defer { for suffix in [".out", ".err"] { try? FileManager.default.removeItem(atPath: base + suffix) } }
      for suffix in [".out", ".err"] { _ = FileManager.default.createFile(atPath: base + suffix, contents: nil) }
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
      process.standardError = FileHandle(forWritingAtPath: base + ".err")
      try process.run()
      process.waitUntilExit()
      func text(_ suffix: String) -> String { String(decoding: FileManager.default.contents(atPath: base + suffix) ?? Data(), as: UTF8.self) }
      return CLIProgram.Answer(status: process.terminationStatus, output: text(".out"), errors: text(".err"))
    }

    /// Something that must work.
    @discardableResult
    func must(_ script: String, environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation) throws -> CLIProgram.Answer {
      let answer = try sh(script, environment: environment)
      try #require(answer.status == 0, "\(script): \(answer.output) \(answer.errors)", sourceLocation: sourceLocation)
      return answer
    }

    func read(_ file: String) -> String { (try? String(contentsOfFile: path + "/" + file, encoding: .utf8)) ?? "" }

    func write(_ file: String, _ text: String) throws {
      let url = URL(fileURLWithPath: path + "/" + file)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }

    func edit(_ file: String, _ old: String, _ new: String) throws {
      let text = read(file)
      try #require(text.contains(old), "`\(old)` stands in \(file)")
      try write(file, text.replacingOccurrences(of: old, with: new))
    }
  }

  private let home = CLIProgram.Folder()

  init() throws {
    try FileManager.default.createDirectory(atPath: home.path + "/bin", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: home.path + "/bin/pipe", withDestinationPath: CLIProgram.path)
  }

  private func place(_ name: String) throws -> Place {
    let path = home.path + "/" + name
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return Place(path: path, home: home)
  }

  /// A clone with the merge driver that the page tells of.
  private func clone(_ name: String) throws -> Place {
    try Place(path: home.path, home: home).must("git clone -q origin.git \(name)")
    let place = Place(path: home.path + "/" + name, home: home)
    try place.must("git config merge.pipe-lock.driver 'pipe lock merge %O %A %B'")
    return place
  }

  private static let manifest = """
    schema: pipe/v1
    name: sets
    version: 1.0.0
    stages:
      a: { kind: ingest, from: Datasets/a.jsonl, row_key: id }
      b: { kind: ingest, from: Datasets/b.jsonl, row_key: id }
      words: { kind: export, from: "${stages.a}", format: jsonl, to: Outputs/sets/words.jsonl }
      texts: { kind: export, from: "${stages.b}", format: jsonl, to: Outputs/sets/texts.jsonl }

    """

  /// A bare remote, and the clone of somebody who has pushed a first state to it.
  private func repository() throws -> Place {
    try Place(path: home.path, home: home).must("git init -q --bare -b main origin.git && git clone -q origin.git dev")
    let dev = Place(path: home.path + "/dev", home: home)
    try dev.must("git checkout -q -b main && git config merge.pipe-lock.driver 'pipe lock merge %O %A %B'")
    try dev.write("Manifests/sets.yaml", Self.manifest)
    for name in ["a", "b"] { try dev.write("Datasets/\(name).jsonl", (1...9).map { "{\"id\":\"\(name)\($0)\",\"text\":\"row \($0)\"}\n" }.joined()) }
    try dev.write(".gitignore", ".pipe\nOutputs\ndiff.md\nreport.html\n")
    try dev.must("echo '*.lock merge=pipe-lock' >> .gitattributes && pipe run && git add -A && git commit -q -m base && git push -q -u origin main")
    return dev
  }

  // MARK: the page

  /// Blocks of a language, in order.
  private static func blocks(_ language: String) throws -> [String] {
    let page = try String(contentsOfFile: CLIProgram.repository + "/Docs/CI.md", encoding: .utf8)
    return page.components(separatedBy: "```\(language)\n").dropFirst().map { String($0.components(separatedBy: "\n```")[0]) }
  }

  /// The `pipe` commands of a CI's own file, with its variables as a shell's.
  private static func commands(_ block: String) -> [String] {
    block.split(separator: "\n").compactMap { line in
      var text = String(line)
      for variable in ["origin/${{ github.base_ref }}", "origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] { text = text.replacingOccurrences(of: variable, with: "$BASE") }
      for start in ["- run: pipe ", "run: pipe ", "- pipe ", "sh 'pipe "] {
        guard let found = text.range(of: start) else { continue }
        let command = "pipe " + text[found.upperBound...]
        return start.hasPrefix("sh") ? String(command.prefix { $0 != "'" }) : command
      }
      return nil
    }
  }

  @Test func thePageWorksForABranchThatDidRight() throws {
    let dev = try repository()
    // The CI of main leaves a store behind.
    let first = try clone("ci-main")
    try first.must("pipe plan --check && pipe run --ci --locked")
    try dev.must("git checkout -q -b more")
    try dev.edit("Datasets/a.jsonl", "row 3\"", "row three\"")
    try dev.edit("Manifests/sets.yaml", "version: 1.0.0", "version: 2.0.0")
    try dev.must("pipe run && git commit -q -a -m more && git push -q -u origin more")
    let scripts = try Self.blocks("sh")
    try #require(scripts.count == 3)
    let environment = ["BASE": "origin/main"]
    // With the cache of main.
    let ci = try clone("ci-more")
    try ci.must("git checkout -q more && cp -a ../ci-main/.pipe .pipe")
    try ci.must("set -e\n" + scripts[0], environment: environment)
    let diff = ci.read("diff.md")
    #expect(diff.hasPrefix("<!-- pipe:diff sets -->\n### `sets` 1.0.0 → 2.0.0\n"))
    #expect(diff.contains("| `words` | 9 → 9 | 0 | 0 | 1 |"))
    #expect(diff.contains("`Datasets/a.jsonl`:3 row `a3`"))
    #expect(!diff.contains("⚠"))
    #expect(ci.read("Outputs/sets/words.jsonl").contains("row three"))
    #expect(try ci.must("git status --porcelain").output == "")
    // Without a cache: the counts first, and the rows when the base was run with the same store.
    let bare = try clone("ci-bare")
    try bare.must("git checkout -q more && pipe run --ci --locked")
    let counts = try bare.must("pipe diff \"$BASE...\" --md", environment: environment).output
    #expect(counts.contains("| `words` | 9 → 9 | ? |"))
    #expect(counts.contains("⚠"))
    #expect(counts.contains("are not in this store"))
    try bare.must("set -e\n" + scripts[1], environment: environment)
    #expect(try bare.must("pipe diff \"$BASE...\" --md", environment: environment).output == diff)
    // What the files of other systems say, with their variables; an agent that stays has run main before.
    try first.must("pipe run --ci --locked --store \"$HOME/pipe-store\"")
    for block in try Self.blocks("yaml") + Self.blocks("groovy") {
      let commands = Self.commands(block)
      try #require(!commands.isEmpty)
      try ci.must("set -e\n" + commands.joined(separator: "\n"), environment: environment)
    }
    #expect(try Self.blocks("yaml").flatMap(Self.commands).count == 9)
    #expect(try Self.blocks("groovy").flatMap(Self.commands).count == 4)
    #expect(ci.read("diff.md") == diff)
  }

  @Test func aLockThatWasForgottenIsFoundAndNothingOfItPublished() throws {
    let dev = try repository()
    let first = try clone("ci")
    try first.must("pipe run --ci --locked")
    let files = ["Outputs/sets/words.jsonl", "Outputs/sets/texts.jsonl", "Manifests/sets.lock"]
    let committed = files.map(first.read)
    try dev.edit("Datasets/b.jsonl", "row 5\"", "row five\"")
    try dev.must("git commit -q -a -m 'no run' && git push -q")
    try first.must("git pull -q")
    #expect(try first.sh("pipe plan --check").status == 3)
    let run = try first.sh("pipe run --ci --locked")
    #expect(run.status == 3)
    #expect(run.errors.contains("not as locked: Manifests/sets.lock has another source Datasets/b.jsonl, stage b, stage texts\n"), "\(run.errors)")
    #expect(run.errors.contains("not published: Outputs/sets/texts.jsonl\n"))
    #expect(run.errors.contains("`Datasets/b.jsonl`:5 row `b5`"))
    #expect(files.map(first.read) == committed)
    let json = try first.sh("pipe run --ci --locked --json").json
    #expect(json["exit_code"] as? Int == 3)
    let locked = try #require(json["locked"] as? [String: Any])
    #expect(locked["holds"] as? Bool == false)
    #expect((locked["diff"] as? [String: Any])?["equal"] as? Bool == false)
    // Whoever forgot it runs, and commits.
    try dev.must("pipe run && git commit -q -a -m lock && git push -q")
    try first.must("git pull -q && pipe plan --check && pipe run --ci --locked")
    #expect(first.read("Outputs/sets/texts.jsonl").contains("row five"))
    #expect(try first.sh("pipe lock check --base HEAD~2").status == 3)
    // The other way: the lock is gone.
    try first.must("git rm -q Manifests/sets.lock")
    #expect(try first.sh("pipe run --ci --locked").status == 3)
    #expect(try first.sh("pipe plan --check").status == 3)
  }

  @Test func branchesThatChangedDifferentStagesMerge() throws {
    let dev = try repository()
    for (branch, name) in [("left", "a"), ("right", "b")] {
      try dev.must("git checkout -q -b \(branch) main")
      try dev.edit("Datasets/\(name).jsonl", "row 2\"", "row two\"")
      try dev.must("pipe run && git commit -q -a -m \(branch) && git push -q -u origin \(branch)")
    }
    let other = try clone("merge")
    try other.must("git merge -q --no-edit origin/left && git merge -q --no-edit origin/right")
    #expect(!other.read("Manifests/sets.lock").contains("<<<"))
    try other.must("pipe plan --check && pipe run --ci --locked && git status --porcelain")
    // Both changed one stage: a conflict that a run resolves.
    try dev.must("git checkout -q -b again left")
    try dev.edit("Datasets/a.jsonl", "row 7\"", "row seven\"")
    try dev.must("pipe run && git commit -q -a -m again && git checkout -q left")
    try dev.edit("Datasets/a.jsonl", "row 1\"", "row one\"")
    try dev.must("pipe run && git commit -q -a -m left")
    let merge = try dev.sh("git merge --no-edit again")
    #expect(merge.status != 0)
    #expect((merge.output + merge.errors).contains("both sides changed source Datasets/a.jsonl, stage a, stage words"))
    #expect(dev.read("Manifests/sets.lock").contains("<<<<<<<"))
    #expect(try dev.sh("pipe run").status == 2)
    try dev.must("git checkout -q --ours Manifests/sets.lock && pipe run && git add -A && git commit -q --no-edit && pipe plan --check")
  }

  // MARK: the demo

  /// The verdicts of every manifest with a lock, with all data and with those that git does not have taken away.
  @Test func plansOfTheDemoNeedNoData() throws {
    let demo = try place("demo")
    try demo.must(
      "cp -a '\(CLIProgram.repository)/Manifests' '\(CLIProgram.repository)/Pipelines' . && mkdir Datasets && cp -a '\(CLIProgram.repository)/Datasets/support' Datasets/"
    )
    try demo.write(".gitignore", ".pipe\nOutputs\nDatasets/support/*.csv.gz\nDatasets/support/requests-*.jsonl\n")
    try demo.must("git init -q && git add -A && git commit -q -m demo")
    func verdicts(_ manifest: String, _ place: Place) throws -> (status: Int32, stages: [String], asLocked: Set<String>) {
      let answer = try place.sh("pipe plan --check --json \(manifest)")
      let stages = try #require(answer.json["stages"] as? [[String: Any]], "\(answer.errors) \(answer.output)")
      let words = stages.map { stage in ["stage", "verdict", "after", "why"].map { stage[$0] as? String ?? "" }.joined(separator: " ") }
      return (answer.status, words, Set(stages.flatMap { $0["as_locked"] as? [String] ?? [] }))
    }
    let clone = try self.place("demo-clone")
    try clone.must("git clone -q ../demo .")
    for manifest in ["support-intents", "support-by-language"] {
      for edit in [nil, ("Manifests/\(manifest).yaml", "'de'", "'fr'"), ("Datasets/support/customers.csv", "Mobil", "Mobile")] as [(String, String, String)?] {
        if let edit {
          guard demo.read(edit.0).contains(edit.1) else { continue }
          for place in [demo, clone] { try place.edit(edit.0, edit.1, edit.2) }
        }
        let whole = try verdicts(manifest, demo)
        let without = try verdicts(manifest, clone)
        #expect(whole.status == (edit == nil ? 0 : 3), "\(manifest) \(edit?.0 ?? "") \(whole.stages)")
        #expect(whole.status == without.status)
        #expect(whole.stages == without.stages)
        #expect(whole.asLocked == [])
        #expect(without.asLocked.contains("Datasets/support/tickets-*.csv.gz"))
        for place in [demo, clone] { try place.must("git checkout -q .") }
      }
    }
  }
}
