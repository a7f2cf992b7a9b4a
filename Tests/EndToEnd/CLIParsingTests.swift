import Foundation
import Testing

/// The command line before anything runs: help, slips of the finger, planned commands.
@Suite struct CLIParsingTests {
  private let folder = CLIProgram.Folder()

  @Test func versionAndHelpAreAnswers() throws {
    let version = try CLIProgram.run("--version", in: folder.path)
    #expect(version.status == 0)
    #expect(version.output.split(separator: ".").count == 3)
    let help = try CLIProgram.run("--help", in: folder.path)
    #expect(help.status == 0)
    for verb in ["run", "plan", "status", "explain", "show", "trace", "graph", "lint", "fmt", "schema", "cache", "doctor"] {
      #expect(help.output.contains("\n  \(verb) ") || help.output.contains("\n  \(verb), "))
    }
    #expect(help.errors.isEmpty)
  }

  @Test func aMistypedCommandIsGuessed() throws {
    let answer = try CLIProgram.run("rnu", in: folder.path)
    #expect(answer.status == 2)
    #expect(answer.errors == "error[usage]: there is no command `pipe rnu`\n   = help  did you mean `pipe run`?\n")
    let nested = try CLIProgram.run("cache", "stat", in: folder.path)
    #expect(nested.errors == "error[usage]: there is no command `pipe cache stat`\n   = help  did you mean `pipe cache stats`?\n")
  }

  @Test func aMistypedFlagIsStatus2AndNot64() throws {
    let answer = try CLIProgram.run("run", "--no-cach", in: folder.path)
    #expect(answer.status == 2)
    #expect(answer.errors.contains("--no-cache"))
    #expect(answer.output.isEmpty)
    #expect(try CLIProgram.run("run", "-j", "many", in: folder.path).status == 2)
    #expect(try CLIProgram.run("run", "-j", "0", in: folder.path).status == 2)
  }

  @Test func plannedCommandsSaySo() throws {
    for arguments in [["worker"], ["import-labels"], ["cache", "push"]] {
      let answer = try CLIProgram.start(arguments, in: folder.path).wait()
      #expect(answer.status == 2)
      #expect(answer.errors.contains("is planned, not built yet"), "\(arguments)")
    }
  }

  @Test func errorsAreJSONWhenJSONIsAskedFor() throws {
    let answer = try CLIProgram.run("rnu", "--json", in: folder.path)
    #expect(answer.status == 2)
    #expect(answer.errors.isEmpty)
    let error = answer.json["error"] as? [String: Any]
    #expect(error?["code"] as? String == "usage")
    #expect(error?["message"] as? String == "there is no command `pipe rnu`")
    #expect(answer.json["schema_version"] as? Int == 1)
    let flag = try CLIProgram.run("run", "--json", "--nonsense", in: folder.path)
    #expect((flag.json["error"] as? [String: Any])?["code"] as? String == "usage")
  }

  @Test func completionsOfThreeShells() throws {
    for shell in ["bash", "zsh", "fish"] {
      let answer = try CLIProgram.run("completions", shell, in: folder.path)
      #expect(answer.status == 0)
      #expect(answer.output.contains("explain"))
    }
  }

  @Test func whichManifestIsMeant() throws {
    let none = try CLIProgram.run("run", in: folder.path)
    #expect(none.status == 2)
    #expect(none.errors.contains("there is no manifest in "))
    #expect(none.errors.contains("`pipe init` writes one"))
    try folder.write("Manifests/first.yaml", "schema: pipe/v1\nname: first\nstages: {}\n")
    try folder.write("Manifests/second.yaml", "schema: pipe/v1\nname: second\nstages: {}\n")
    let two = try CLIProgram.run("run", in: folder.path)
    #expect(two.status == 2)
    #expect(two.errors == "error[manifest]: which manifest? there are 2\n   = help  name one: Manifests/first.yaml, Manifests/second.yaml\n")
    let typo = try CLIProgram.run("run", "Manifests/frist.yaml", in: folder.path)
    #expect(typo.status == 2)
    #expect(typo.errors.contains("did you mean `Manifests/first.yaml`?"))
  }
}
