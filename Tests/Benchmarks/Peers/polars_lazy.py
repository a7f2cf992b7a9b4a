"""The same as a lazy Polars query; a template is format expressions there. usage: IN OUT TEMPLATE"""
import sys

import polars as pl

rows = pl.scan_ndjson(sys.argv[1])
amount = pl.when(pl.col("amount") > 1000).then(pl.format("High value: {}", "amount")).otherwise(pl.format("Amount: {}", "amount"))
user = pl.format(
    "Classify the following {} ticket (priority {}).\nSubject: {}\n{}\nTags: {}\n\n{}",
    "channel", "priority", pl.col("subject").str.strip_chars(), amount, pl.col("tags").list.join(", "), "body",
)


def message(role, content):
    return pl.struct(role=pl.lit(role), content=content)


messages = pl.concat_list(
    [message("system", pl.lit("You classify support tickets.")), message("user", user), message("assistant", pl.col("label"))]
)
rows.select(messages=messages).collect().write_ndjson(sys.argv[2])
