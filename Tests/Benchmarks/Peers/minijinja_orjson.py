"""The same by hand with the fastest parts there are: orjson and minijinja (Rust). usage: IN OUT TEMPLATE"""
import sys

import minijinja
import orjson

environment = minijinja.Environment(templates={"prompt": open(sys.argv[3], encoding="utf-8").read()})
with open(sys.argv[1], "rb") as rows, open(sys.argv[2], "wb") as out:
    for line in rows:
        row = orjson.loads(line)
        messages = [
            {"role": "system", "content": "You classify support tickets."},
            {"role": "user", "content": environment.render_template("prompt", **row)},
            {"role": "assistant", "content": row["label"]},
        ]
        out.write(orjson.dumps({"messages": messages}) + b"\n")
