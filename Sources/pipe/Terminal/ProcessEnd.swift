import Engine
import Reports

/// The last thing that a command does.
enum ProcessEnd {
  private final class Kept {
    let session: Session
    let view: RunView
    init(_ session: Session, _ view: RunView) {
      self.session = session
      self.view = view
    }
  }

  /// Keeps what a command has read until the process is gone: the system takes all memory back at once, and piece by piece it would take
  /// a tenth of a run of ten thousand stages with nothing to do.
  static func keep(_ session: Session, _ view: RunView) { _ = Unmanaged.passRetained(Kept(session, view)) }
}
