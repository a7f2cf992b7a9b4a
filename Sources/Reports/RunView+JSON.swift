public import Diagnostics

/// The version of every record that `--json` prints; raised when a field changes its meaning or goes away.
public let reportSchemaVersion = 1

extension RunView {
  /// The last line of `pipe run --json`, and the whole answer of `pipe plan --json`.
  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion),
      "event": .string(isPlan ? "plan" : "summary"),
      "manifest": .string(manifest),
      "name": .string(name),
      "version": .string(version),
      "run": runID.map { .string($0) },
      "tasks": .int(tasks),
      "ran": .int(ran),
      "cached": .int(cached),
      "failed": .int(failed),
      "cancelled": .bool(wasCancelled),
      "exit_code": .int(exitCode),
      "seconds": .double(seconds),
      "jobs": .int(jobs),
      "stages": .array(stages.map(\.json)),
      "files": .array(files.map(\.json)),
      "lock": writtenLock.map { .string($0) },
      "locked": locked?.json,
      "verification": verification?.json,
      "notes": .strings(notes),
      "error": failures.first?.json ?? failedCheck,
    ])
  }

  /// A failed gate is an error too: `{"code":"check", …}`.
  private var failedCheck: ReportJSON? {
    for stage in stages {
      for check in stage.checks where check.isError && check.outcome == .failed {
        return Diagnostic(id: "check", "\(stage.name): \(check.text)", at: check.place, label: check.detail).json
      }
    }
    return nil
  }
}

extension RunView.Locked {
  var json: ReportJSON {
    .object([
      "lock": .string(path), "holds": .bool(differences.isEmpty), "differences": .strings(differences), "problem": problem.map { .string($0) }, "diff": diff?.json,
    ])
  }
}

extension StageView {
  var json: ReportJSON {
    .object([
      "stage": .string(name),
      "kind": .string(kind),
      "verdict": .string(verdict.word),
      "after": verdict.other.map { .string($0) },
      "why": why.isEmpty ? nil : .string(why),
      "implicit": isImplicit ? .bool(true) : nil,
      "key": key.map { .string($0) },
      "rows_in": rowsIn.map { .int($0) },
      "rows_out": .int(rowsOut),
      "dropped": .object(dropped.map { .init($0.reason, .int($0.count)) }),
      "tasks": .int(tasks),
      "ran": .int(ran),
      "cached": .int(cached),
      "rewound": rewound > 0 ? .int(rewound) : nil,
      "seconds": .double(seconds),
      "note": note.map { .string($0) },
      "figures": figures.isEmpty ? nil : .object(figures.map { .init($0.name, $0.value) }),
      "outputs": .array(
        outputs.map {
          .object(["port": .string($0.port), "rows": .int($0.rows), "bytes": .int($0.bytes), "content": .string("sha256:" + $0.content)])
        }),
      "checks": .array(checks.map(\.json)),
      "failure": failure?.json,
      "as_locked": sourcesAsLocked.isEmpty ? nil : .strings(sourcesAsLocked),
    ])
  }
}

extension FileView {
  var json: ReportJSON {
    .object([
      "path": .string(path), "port": .string(port), "rows": .int(rows), "bytes": .int(bytes), "sha256": .string(sha256),
      "change": .string(change.rawValue),
    ])
  }
}

extension CheckView {
  var json: ReportJSON {
    .object([
      "check": .string(text), "outcome": .string(outcome.rawValue), "severity": .string(isError ? "error" : "warn"),
      "detail": detail.isEmpty ? nil : .string(detail), "file": place.map { .string($0.path) }, "line": place.map { .int($0.line) },
    ])
  }
}
