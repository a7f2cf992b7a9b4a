/// A token of the template language.
struct Token {
  enum Kind: UInt8 {
    case data, variableBegin, variableEnd, blockBegin, blockEnd, eof, failure
    case name, string, integer, float
    case add, sub, mul, div, floordiv, mod, pow, tilde
    case lparen, rparen, lbracket, rbracket, lbrace, rbrace
    case eq, ne, gt, gteq, lt, lteq, assign, dot, colon, pipe, comma, semicolon
  }

  var kind: Kind
  /// Bytes of the normalized source.
  var start: Int
  var end: Int
  var line: Int
  /// A name, or the message of a failure.
  var name = ""
  /// The bytes of template text or of a string literal.
  var data: [UInt8] = []
  var number: Constant = .none
}
