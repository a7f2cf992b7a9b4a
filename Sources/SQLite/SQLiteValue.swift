/// A value in one of SQLite's five storage classes.
public enum SQLiteValue: Sendable, Equatable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])
}

/// A storage class: what a single value is, whatever its column was declared to be.
public enum SQLiteType: Sendable, Equatable {
  case null, integer, real, text, blob
}
