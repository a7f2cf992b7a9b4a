"""Reads both files and joins them into a table, on two threads. usage: LEFT.jsonl SIDE.csv"""
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET threads = 2")
connection.execute(
    f"""
    CREATE TEMP TABLE joined AS
    SELECT l.*, s.plan, s.country
    FROM read_json('{sys.argv[1]}', format = 'newline_delimited') l LEFT JOIN read_csv('{sys.argv[2]}') s USING (customer)
    """
)
