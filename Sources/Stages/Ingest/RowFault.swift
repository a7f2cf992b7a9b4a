internal import Engine

/// What may go wrong with one row.
enum RowFault: Error {
  /// The row is bad: it is set aside or fails the stage, as `on_bad_row` says.
  case bad(_ message: String, _ help: String?)
  /// The manifest does not fit the data: no row can be set aside for that. The row is added by whoever knows it.
  case failure(TaskFailure)
}
