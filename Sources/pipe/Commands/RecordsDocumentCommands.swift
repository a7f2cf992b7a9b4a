import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Manifests
import Processes
import Records
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `pipe records prov`
struct RecordsProvenanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "prov", abstract: "A run as W3C PROV (PROV-JSON): what was made by which stages, from what.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: .customLong("run"), help: ArgumentHelp("The run, or the beginning of its id. Without it: the manifest's last.", valueName: "run"))
  var id: String?

  @OptionGroup var target: RecordTarget
  @OptionGroup var common: CommonOptions

  func run() throws {
    let session = try common.session(manifest)
    let record = try common.record(id, session)
    try target.write(ProvenanceDocument(record, try answered { try session.description(of: record) }).json.pretty, common)
  }
}

/// `pipe records croissant`
struct RecordsCroissantCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "croissant", abstract: "The metadata of the published files as Croissant 1.1, which loaders of data sets read.",
    discussion: "pipe records croissant -o Outputs/support-intents/croissant.json; file names in it are relative to where it is written.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("Only the files of this stage.", valueName: "stage"), completion: .stages)
  var stage: String?

  @OptionGroup var target: RecordTarget
  @OptionGroup var common: CommonOptions

  func run() throws {
    let (session, lock) = try common.lockedSession(manifest)
    let made = MadeFile.find(lock, session)
    let wanted = lock.files.filter { stage == nil || $0.stage == stage || $0.stage.hasPrefix(stage! + "@") }
    guard !wanted.isEmpty else {
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(id: "no-files", stage.map { "`\($0)` publishes no files" } ?? "`\(session.pipeline.path)` has published no files yet", at: nil, help: "pipe run"))
    }
    var files: [Croissant.File] = []
    var newest: MadeFile?
    let folder = target.path.map { Self.folder(of: Workspace.absolute($0)) } ?? session.workspace.root
    for file in wanted {
      guard let entry = made[file.path] else {
        throw Complaint(
          ExitStatus.checkFailed,
          Diagnostic(
            id: "no-run", "no run of this store has made `\(file.path)` as the lock has it", at: nil,
            help: "pipe run -f makes it here, or name the store that did (--store)"))
      }
      if newest == nil || newest!.run.id < entry.run.id { newest = entry }
      files.append(
        Croissant.File(
          url: Self.relative(session.workspace.absolute(file.path), to: folder), published: entry.published, output: "\(file.stage).\(file.port)",
          shape: try Self.shape(of: session.workspace.absolute(file.path), as: file.path, expected: file)))
    }
    let manifest = try answered { try session.description(of: newest!.run) }
    try target.write(Croissant(files, of: newest!.run, manifest).json.pretty, common)
  }

  private static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }

  /// A path from a folder; both absolute.
  private static func relative(_ path: String, to folder: String) -> String {
    var parts = path.split(separator: "/")
    var base = folder.split(separator: "/")
    while let first = parts.first, first == base.first, parts.count > 1 {
      parts.removeFirst()
      base.removeFirst()
    }
    return (base.map { _ in ".." } + parts.map(String.init)).joined(separator: "/")
  }

  /// The shape of a file's rows, all of them read; nil for a file that holds no rows.
  private static func shape(of absolute: String, as path: String, expected: LockFile.File) throws -> RowShape? {
    let isLines = path.hasSuffix(".jsonl")
    guard isLines || path.hasSuffix(".csv") else { return nil }
    let descriptor = open(absolute, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Complaint(
        ExitStatus.checkFailed, Diagnostic(id: "no-file", "cannot read `\(path)`: \(String(cString: strerror(errno)))", at: nil, help: "pipe run publishes it again"))
    }
    defer { close(descriptor) }
    var shape = RowShape()
    var lines = LineAssembler()
    var header: [UInt8]?
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let got = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress!, $0.count) }
      if got < 0 {
        if errno == EINTR { continue }
        throw Complaint(ExitStatus.failed, Diagnostic(id: "no-file", "cannot read `\(path)`: \(String(cString: strerror(errno)))", at: nil))
      }
      if got == 0 { break }
      buffer.withUnsafeBytes { bytes in
        lines.add(UnsafeRawBufferPointer(rebasing: bytes[..<got])) { (line) throws(Never) in if isLines { shape.add(line) } else if header == nil { header = Array(line) }
        }
      }
      // The columns of a CSV file stand on its first line; what is in them is text.
      if !isLines, header != nil { break }
    }
    guard let header else { return shape }
    for name in columns(header) { shape.add(Array("{\(ReportJSON.string(name).compact):\"\"}".utf8)) }
    return shape
  }

  /// The names in the first line of a CSV file of ours: quoted where they have to be.
  private static func columns(_ line: [UInt8]) -> [String] {
    var names: [[UInt8]] = [[]]
    var isQuoted = false
    for byte in line {
      switch byte {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: ",") where !isQuoted: names.append([])
      default: names[names.count - 1].append(byte)
      }
    }
    return names.map { String(decoding: $0, as: UTF8.self) }
  }
}
