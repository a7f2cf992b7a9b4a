internal import Engine

extension PortContent {
  /// The extension of a file with these contents; a folder has none, and nil for a folder.
  var fileExtension: String? {
    switch self {
    case .rows: ".jsonl"
    case .file(let ending): ending
    case .folder: nil
    }
  }
}

extension WholeTable {
  /// Puts a file, or the files of a folder, where a program finds them.
  func write(_ content: PortContent, to path: String) throws(TaskFailure) {
    if content == .folder {
      var unpacker = FolderArchive.Unpacker(into: path)
      do throws(FolderArchive.Failure) {
        for ordinal in 0..<chunkCount {
          let bytes: [UInt8]
          do throws(TaskFailure) { bytes = try self.bytes(ordinal) } catch { throw FolderArchive.Failure(error.message) }
          try unpacker.take(bytes)
        }
        try unpacker.finish()
      } catch { throw TaskFailure(id: "folder", message: error.message) }
      return
    }
    let file = try OutputFile(path)
    for ordinal in 0..<chunkCount { try file.write(try bytes(ordinal)) }
    try file.close()
  }
}

extension SettingReader {
  /// What the inputs behind a port are: a file or folder stands alone.
  func content(of sources: [InputSource]) -> PortContent {
    for source in sources { if case let content = stage.traits(of: source).content, content != .rows { return content } }
    return .rows
  }
}
