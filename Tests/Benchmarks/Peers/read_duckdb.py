"""Reads a file into a table of all its columns, on two threads. usage: csv|jsonl FILE"""
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET threads = 2")
reader = {"csv": "read_csv(?, header = true)", "jsonl": "read_json(?, format = 'newline_delimited')"}[sys.argv[1]]
connection.execute(f"CREATE TEMP TABLE rows AS SELECT * FROM {reader}", [sys.argv[2]])
