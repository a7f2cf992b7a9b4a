"""Reads both files and joins them into a data frame. usage: LEFT.jsonl SIDE.csv"""
import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "2")
import polars as pl

side = pl.scan_csv(sys.argv[2]).select("customer", "plan", "country")
pl.scan_ndjson(sys.argv[1]).join(side, on="customer", how="left").collect()
