import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A page put where somebody wants it; `-` is the standard output.
enum PageFile {
  static func write(_ bytes: [UInt8], to path: String) throws {
    if path == "-" { return Console.output.write(bytes) }
    func complaint() -> Complaint {
      Complaint(ExitStatus.failed, Diagnostic(id: "io", "`\(path)` could not be written: \(String(cString: strerror(errno)))", at: nil))
    }
    guard let file = fopen(path, "w") else { throw complaint() }
    let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
    guard fclose(file) == 0, isWritten else { throw complaint() }
  }
}
