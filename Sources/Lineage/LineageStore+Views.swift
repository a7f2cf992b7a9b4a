extension LineageStore {
  /// What people may ask in SQL: these views stay as they are documented in Docs/Lineage.md, whatever becomes of the tables behind them.
  static let views = """
    CREATE VIEW runs AS SELECT
      id, manifest, name, json_extract(header, '$.version') AS version, started_at, finished_at,
      datetime(started_at / 1000, 'unixepoch') AS started, (finished_at - started_at) / 1000.0 AS seconds, exit_status,
      json_extract(header, '$.commit') AS git_commit, json_extract(header, '$.profile') AS profile, json_extract(header, '$.pipe') AS pipe_version
    FROM run_index;
    CREATE VIEW parameters AS SELECT
      run_index.id AS run, json_extract(item.value, '$.name') AS name, json_extract(item.value, '$.value') AS value
    FROM run_index, json_each(run_index.header, '$.params') AS item;
    CREATE VIEW stages AS SELECT
      run, place, name || coalesce('@' || case_label, '') AS stage, json_extract(record, '$.kind') AS kind, status,
      json_extract(record, '$.reason.code') AS reason, json_extract(record, '$.reason.text') AS why, lower(hex(key)) AS key,
      json_extract(record, '$.rows_in') AS rows_in, json_extract(record, '$.rows_out') AS rows_out,
      json_extract(record, '$.duration_us') / 1e6 AS busy_seconds, json_extract(record, '$.started_at') AS started_at,
      json_extract(record, '$.finished_at') AS finished_at, json_extract(record, '$.failure') AS failure
    FROM stage_index;
    CREATE VIEW tasks AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(record, '$.tasks.total') AS total, tasks_ran AS ran, tasks_cached AS cached
    FROM stage_index;
    CREATE VIEW inputs AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.port') AS port,
      json_extract(item.value, '$.content') AS artifact, NULL AS source,
      json_extract(item.value, '$.stage') || coalesce('@' || json_extract(item.value, '$.case'), '') AS from_stage, json_extract(item.value, '$.from') AS from_port
    FROM stage_index, json_each(stage_index.record, '$.inputs') AS item WHERE json_extract(item.value, '$.stage') IS NOT NULL
    UNION ALL SELECT
      run, name || coalesce('@' || case_label, ''), json_extract(item.value, '$.port'), json_extract(item.value, '$.content'), source.value, NULL, NULL
    FROM stage_index, json_each(stage_index.record, '$.inputs') AS item, json_each(item.value, '$.sources') AS source;
    CREATE VIEW outputs AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.port') AS port, json_extract(item.value, '$.content') AS artifact,
      json_extract(item.value, '$.lineage') AS lineage, json_extract(item.value, '$.rows') AS rows, json_extract(item.value, '$.bytes') AS bytes
    FROM stage_index, json_each(stage_index.record, '$.outputs') AS item;
    CREATE VIEW files AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.port') AS port, json_extract(file.value, '$.path') AS path,
      json_extract(file.value, '$.sha256') AS sha256, json_extract(file.value, '$.rows') AS rows, json_extract(file.value, '$.bytes') AS bytes
    FROM stage_index, json_each(stage_index.record, '$.outputs') AS item, json_each(item.value, '$.files') AS file;
    CREATE VIEW edges AS SELECT
      s.run AS run, s.name || coalesce('@' || s.case_label, '') AS stage, i.port AS input_port, lower(hex(i.content)) AS input, o.port AS output_port,
      lower(hex(o.content)) AS output
    FROM stage_index s JOIN input_index i ON i.run = s.run AND i.place = s.place JOIN output_index o ON o.run = s.run AND o.place = s.place;
    CREATE VIEW artifacts AS
      SELECT lower(hex(content)) AS artifact, 'table' AS what, min(run) AS first_run, max(run) AS last_run, count(DISTINCT run) AS runs FROM output_index GROUP BY content
      UNION ALL SELECT lower(hex(digest)), 'file', min(run), max(run), count(DISTINCT run) FROM file_index GROUP BY digest;
    CREATE VIEW drops AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.reason') AS reason, json_extract(item.value, '$.rows') AS rows
    FROM stage_index, json_each(stage_index.record, '$.dropped') AS item;
    CREATE VIEW facts AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.name') AS name, json_extract(item.value, '$.value') AS value
    FROM stage_index, json_each(stage_index.record, '$.facts') AS item;
    CREATE VIEW checks AS SELECT
      run, name || coalesce('@' || case_label, '') AS stage, json_extract(item.value, '$.expression') AS expression, json_extract(item.value, '$.severity') AS severity,
      json_extract(item.value, '$.verdict') AS verdict, json_extract(item.value, '$.value') AS value
    FROM stage_index, json_each(stage_index.record, '$.checks') AS item;
    """
}
