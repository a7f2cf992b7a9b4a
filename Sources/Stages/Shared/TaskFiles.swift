internal import Engine

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file that is written from start to end.
final class OutputFile {
  private let path: String
  private let file: UnsafeMutablePointer<FILE>

  init(_ path: String) throws(TaskFailure) {
    self.path = path
    guard let file = fopen(path, "w") else { throw OutputFile.failure(path) }
    self.file = file
  }

  func write(_ bytes: [UInt8]) throws(TaskFailure) {
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw OutputFile.failure(path) }
  }

  func close() throws(TaskFailure) {
    guard fclose(file) == 0 else { throw OutputFile.failure(path) }
  }

  private static func failure(_ path: String) -> TaskFailure {
    TaskFailure(id: "io", message: "`\(path)` could not be written: \(String(cString: strerror(errno)))")
  }
}

/// A file that is read from start to end.
final class InputFile {
  // One chunk at most at a time, whatever the file's size.
  private static let pieceBytes = 1 << 20
  private let file: UnsafeMutablePointer<FILE>

  /// Nil when there is no such file.
  init?(_ path: String) {
    guard let file = fopen(path, "r") else { return nil }
    self.file = file
  }

  deinit { fclose(file) }

  func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(TaskFailure) -> Void) throws(TaskFailure) {
    var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 {
        guard ferror(file) == 0 else {
          throw TaskFailure(id: "io", message: "an output file could not be read: \(String(cString: strerror(errno)))")
        }
        return
      }
      try piece.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
        do throws(TaskFailure) { return .success(try body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))) } catch { return .failure(error) }
      }.get()
    }
  }
}
