import Diagnostics
import Rows
import Store

/// Writes a finished run into its log: one JSON object per stage, then one for the run.
struct RunRecorder {
  let log: RunLog

  func record(_ report: RunReport, session: Session) throws(StoreError) {
    try log.append(
      JSONObject {
        $0.add("event", "run")
        $0.add("manifest", report.manifestPath)
        $0.add("name", report.manifestName)
        $0.add("version", report.version)
        $0.add("exit", Int(report.exitCode))
        $0.add("tasks", report.tasks)
        $0.add("ran", report.ran)
        $0.add("cached", report.cached)
        $0.add("failed", report.failed)
      })
    for stage in report.stages {
      try log.append(
        JSONObject {
          $0.add("event", "stage")
          $0.add("stage", stage.name)
          $0.add("kind", stage.kind)
          $0.add("status", stage.status.rawValue)
          if let key = stage.key { $0.add("key", key) }
          $0.add("tasks", stage.tasks)
          $0.add("ran", stage.ran)
          $0.add("cached", stage.cached)
          $0.add("rows_in", stage.rowsIn)
          $0.add("rows_out", stage.rowsOut)
          if let failure = stage.failure { $0.add("failure", failure.message) }
        })
    }
  }
}

/// A small JSON object, keys in the order added.
func JSONObject(_ build: (inout JSONObjectBuilder) -> Void) -> [UInt8] {
  var builder = JSONObjectBuilder()
  build(&builder)
  return builder.bytes + [UInt8(ascii: "}")]
}

struct JSONObjectBuilder {
  var bytes: [UInt8] = [UInt8(ascii: "{")]

  private mutating func key(_ name: String) {
    if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    JSONText.append(name, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
  }

  mutating func add(_ name: String, _ text: String) {
    key(name)
    JSONText.append(text, to: &bytes)
  }

  mutating func add(_ name: String, _ number: Int) {
    key(name)
    bytes += Array(String(number).utf8)
  }
}
