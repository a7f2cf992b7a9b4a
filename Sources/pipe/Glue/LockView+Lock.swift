import Engine
import Reports
import Rows

extension LockView {
  init(_ lock: LockFile, path: String) {
    self.init(
      path: path, manifest: lock.manifest, version: lock.version,
      sources: lock.sources.map { .init(name: $0.name, digest: $0.content.hex, rows: $0.rows, bytes: $0.bytes, detail: $0.readers.joined(separator: ", ")) },
      outputs: lock.outputs.map { .init(name: "\($0.stage).\($0.port)", digest: $0.content.hex, rows: $0.rows, bytes: $0.bytes, detail: "") },
      files: lock.files.map { .init(name: $0.path, digest: $0.sha256.hex, rows: $0.rows, bytes: $0.bytes, detail: "\($0.stage).\($0.port)") })
  }
}
