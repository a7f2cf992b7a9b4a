import ArgumentParser

@main
struct Pipe: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "pipe", version: "0.1.0")
}
