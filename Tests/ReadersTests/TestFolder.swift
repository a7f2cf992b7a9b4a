import CSQLite

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder of a test's own, removed at its end.
final class TestFolder {
  let path: String

  init() {
    var template = Array("/tmp/pipe-readers-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template)!)
  }

  deinit { remove(path) }

  func write(_ name: String, _ bytes: some Collection<UInt8>) {
    makeFolders(of: name)
    let descriptor = open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    precondition(descriptor >= 0, "cannot write \(name)")
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { writeBytes(descriptor, $0) }
      precondition(written > 0, "cannot write \(name)")
      rest = rest.dropFirst(written)
    }
    close(descriptor)
  }

  func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }

  func makeFolder(_ name: String) {
    makeFolders(of: name)
    mkdir(path + "/" + name, 0o755)
  }

  func link(_ name: String, to target: String) {
    makeFolders(of: name)
    symlink(target, path + "/" + name)
  }

  /// Makes a database by running some SQL.
  func database(_ name: String, _ sql: String) {
    var handle: OpaquePointer?
    precondition(sqlite3_open(path + "/" + name, &handle) == SQLITE_OK)
    var message: UnsafeMutablePointer<CChar>?
    let result = sqlite3_exec(handle, sql, nil, nil, &message)
    precondition(result == SQLITE_OK, message.map { String(cString: $0) } ?? "")
    sqlite3_close(handle)
  }

  private func makeFolders(of name: String) {
    var folder = path
    for part in name.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o755)
    }
  }

  private func remove(_ path: String) {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
        if name == "." || name == ".." { continue }
        let child = path + "/" + name
        if unlink(child) != 0 { remove(child) }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int { write(descriptor, bytes.baseAddress, bytes.count) }

/// The bytes of a file, or nil when there is none.
func contents(ofFile path: String) -> [UInt8]? {
  guard let file = fopen(path, "rb") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
  return bytes
}

func setContents(ofFile path: String, _ bytes: [UInt8]) {
  guard let file = fopen(path, "wb") else { return }
  fwrite(bytes, 1, bytes.count, file)
  fclose(file)
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
