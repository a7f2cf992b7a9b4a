/// What is wrong in a piece of JSON, and at which byte.
public struct JSONError: Error, Sendable, Equatable {
  /// Offset of the offending byte from the start of the text.
  public let offset: Int
  /// What was found or expected, in a few words, lower case.
  public let message: String

  public init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }
}
