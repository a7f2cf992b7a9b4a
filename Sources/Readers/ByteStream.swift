/// Bytes that come a buffer at a time.
protocol ByteStream: AnyObject {
  /// Fills some of the buffer and says how much; 0 is the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int
}

/// Bytes that can be read from any place on.
protocol SeekableStream: ByteStream {
  /// Where the next read begins.
  var offset: Int { get set }
}

/// A regular file, read from its start; notices when somebody writes to it meanwhile.
final class FileStream: SeekableStream {
  let name: String
  private let descriptor: Int32
  private let state: System.FileState
  var offset = 0

  var size: Int { state.size }

  init(_ path: String, name: String) throws(ReadError) {
    self.name = name
    do { descriptor = try System.open(path) } catch {
      if error.isMissing { throw ReadError(.notFound, "there is no such file", in: name) }
      throw ReadError(
        .unreadable, "it cannot be opened: \(error.text)", in: name,
        help: error.isPermission ? "the user who runs `pipe` needs to be allowed to read it" : nil)
    }
    do { state = try System.state(descriptor) } catch {
      System.close(descriptor)
      throw ReadError(.unreadable, "it cannot be looked at: \(error.text)", in: name)
    }
    switch state.kind {
    case .regular: break
    case .directory: throw ReadError(.unreadable, "this is a directory", in: name, help: "for the files in it: \(SourceListing.trimmed(name))/*.jsonl")
    default: throw ReadError(.unreadable, "this is not a regular file", in: name, help: "pipes and devices come in through `{run: …}`")
    }
  }

  deinit { System.close(descriptor) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int {
    let count = try read(into: buffer, at: offset)
    offset += count
    if count == 0 { try checkUnchanged() }
    return count
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(ReadError) -> Int {
    do { return try System.read(descriptor, into: buffer, at: offset) } catch {
      throw ReadError(.unreadable, "reading fails at byte \(offset): \(error.text)", in: name)
    }
  }

  /// Throws when the file is not as it was when it was opened: what was read may be half of one state and half of another.
  func checkUnchanged() throws(ReadError) {
    let now: System.FileState
    do { now = try System.state(descriptor) } catch { throw ReadError(.unreadable, "it cannot be looked at: \(error.text)", in: name) }
    guard now == state else {
      throw ReadError(.changed, "the file was written to while it was being read", in: name, help: "run again when whoever writes it has finished")
    }
  }
}
