import ArgumentParser
import Engine
import Manifests

/// One row of an output, and the manifest that makes it.
struct RowOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("<file>:<line> of an output, or <stage>.<output>:<row>; both count from 1.", valueName: "row"))
  var target: String

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  /// What stands before the row's number.
  var output: String { target.lastIndex(of: ":").map { String(target[..<$0]) } ?? target }

  /// The manifest's session.
  /// - Parameters:
  ///   - stage: what a message calls the output when it is no file.
  ///   - makes: whether a manifest makes the output; also given the output as a path from the workspace root.
  func session(
    _ common: CommonOptions, _ overrides: ParameterOverrides, stage: String, makes: (_ pipeline: Pipeline, _ relative: String) -> Bool
  ) throws(Complaint) -> Session {
    let relative = common.workspace().relative(output)
    return try common.session(manifest, overrides, what: output.contains("/") ? "output `\(output)`" : "stage `\(stage)`") { makes($0, relative) }
  }
}
