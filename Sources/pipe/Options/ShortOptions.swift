/// Short options with their value joined on, as fingers type them: `-j8`, `-n5`, `-pname=value`.
///
/// The argument parser wants them apart, and would read `-j8` as the flags `-j` and `-8`.
enum ShortOptions {
  static func separated(_ arguments: [String]) -> [String] {
    var separated: [String] = []
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { return separated + arguments[index...] }
      let value = argument.dropFirst(2)
      let isJoined =
        switch argument.prefix(2) {
        case "-j", "-n": !value.isEmpty && value.allSatisfy { $0.isASCII && $0.isNumber }
        case "-p": value.contains("=")
        default: false
        }
      if isJoined { separated += [String(argument.prefix(2)), String(value)] } else { separated.append(argument) }
    }
    return separated
  }
}
