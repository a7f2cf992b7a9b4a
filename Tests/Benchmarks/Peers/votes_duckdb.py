"""The majority label of every item, on two threads. usage: VOTES.csv"""
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET threads = 2")
connection.execute(f"CREATE TEMP TABLE labels AS SELECT item, mode(label) AS label, count(*) AS votes FROM read_csv('{sys.argv[1]}') GROUP BY item")
