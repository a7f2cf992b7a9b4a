/// What a tool says of its version.
public enum ToolVersion {
  /// A tool that does not answer in this time is not going to.
  static let timeoutSeconds = 20.0
  static let maximumBytes = 64 << 10

  /// What `tool --version` prints, standard error included (some print it there), without white space at its ends.
  public static func read(_ tool: String, path: String, directory: String) throws(ProcessFailure) -> String {
    var command = Command(arguments: [tool, "--version"], environment: HostEnvironment.base(), directory: directory)
    command.environment.removeAll { $0.name == "PATH" }
    command.environment.append(("PATH", path))
    let file = try ProgramSearch.find(tool, path: path, directory: directory)
    // Through the shell only to join the two streams; the program's path is an argument, never text of the script.
    command.arguments = ["/bin/sh", "-c", "exec \"$0\" --version 2>&1", file]
    let printed = try ProcessRunner(command, Oversight(timeoutSeconds: timeoutSeconds)).collect(maximumBytes: maximumBytes)
    let text = String(decoding: printed, as: UTF8.self)
    let isSpace: (Character) -> Bool = { $0.isWhitespace }
    return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
