"""Reads a file into a data frame of all its columns. usage: csv|jsonl FILE"""
import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "2")
import polars as pl

read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson}[sys.argv[1]]
read(sys.argv[2])
