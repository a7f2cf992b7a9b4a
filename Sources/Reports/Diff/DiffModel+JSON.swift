public import Diagnostics
public import Lineage

extension DiffModel {
  /// The whole difference, digests and all.
  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "manifest": .string(manifest), "name": .string(name), "before": before.json, "after": after.json,
      "equal": .bool(isEmpty),
      "version": .object([
        "before": .string(version.before), "declared": .string(version.declared), "step": .string(version.change.step), "due": version.due.map { .string($0) },
        "holds": .bool(version.holds),
      ]),
      "outputs": .array(outputs.map(\.json)), "causes": .array(causes.map(\.json)), "combined": .int(combined), "unexplained": .int(unexplained),
      "tolerance": .double(Self.tolerance),
      "label_moves": .array(
        labelMoves.map { move in
          .object([
            "key": .string(move.key), "label_type": .string(move.labelType), "before": .string(move.before), "after": .string(move.after),
            "place": move.place.map { .string($0) }, "by": move.by.map { .string($0) }, "votes_before": move.votesBefore.map { .string($0) },
            "votes_after": move.votesAfter.map { .string($0) }, "by_others": move.isByOthers ? .bool(true) : nil,
          ])
        }),
      "scores": .array(
        scores.map { score in
          .object([
            "stage": .string(score.stage), "name": .string(score.name), "before": score.before.map { .string($0) }, "after": score.after.map { .string($0) },
          ])
        }),
      "drops": .array(
        drops.map { .object(["stage": .string($0.stage), "reason": .string($0.reason), "before": .int($0.before), "after": .int($0.after)]) }),
      "stages": .array(stages.map { .object(["name": .string($0.name), "change": .string($0.change.rawValue)]) }), "missing": .strings(missing),
    ])
  }
}

extension DiffModel.Side {
  var json: ReportJSON {
    .object(["title": .string(title), "commit": commit.map { .string($0) }, "run": run.map { .string($0) }, "version": .string(version)])
  }
}

extension DiffModel.Output {
  var json: ReportJSON {
    func number(_ value: Int?) -> ReportJSON { value.map { .int($0) } ?? .null }
    return .object([
      "name": .string(name), "compared": .bool(isCompared), "rows_before": number(rowsBefore), "rows_after": number(rowsAfter), "bytes_before": number(bytesBefore),
      "bytes_after": number(bytesAfter), "added": .int(added), "removed": .int(removed), "edited": .int(edited), "labels_moved": .int(labelsMoved),
      "changed_split": .int(crossed),
      "estimates_within_tolerance": .int(estimatesWithin), "estimates_beyond_tolerance": .int(estimatesBeyond),
      "schema": .array(schema.map(\.json)), "rows": .array(rows.map(\.json)),
    ])
  }
}

extension DiffModel.SchemaChange {
  var json: ReportJSON {
    switch change {
    case .added: .object(["column": .string(column), "change": .string("added")])
    case .removed: .object(["column": .string(column), "change": .string("removed")])
    case .type(let before, let after): .object(["column": .string(column), "change": .string("type"), "before": .string(before), "after": .string(after)])
    }
  }
}

extension DiffModel.RowChange {
  var json: ReportJSON {
    .object([
      "change": .string(fate.rawValue), "key": .string(key), "before": before.map { .int($0) }, "after": after.map { .int($0) },
      "moved_from": movedFrom.map { .string($0) },
      "causes": .array(causes.map { .int($0) }), "dropped": dropped.map { .string($0) },
      "fields": .array(
        fields.map { field in .object(["path": .string(field.path), "before": field.before.map { .string($0) }, "after": field.after.map { .string($0) }]) }),
    ])
  }
}

extension DiffModel.Cause {
  var json: ReportJSON {
    .object([
      "bucket": .string(bucket.rawValue), "subject": .string(subject), "rows": .int(rows), "also": .int(also), "edit_count": .int(editCount),
      "edits": .array(
        edits.map { edit in
          .object([
            "file": .string(edit.file), "line": .int(edit.line), "name": edit.name.isEmpty ? nil : .string(edit.name), "before": edit.before.map { .string($0) },
            "after": edit.after.map { .string($0) }, "by": edit.by.map { .string($0) },
          ])
        }),
    ])
  }
}
