"""What a data engineer writes by hand: orjson and Jinja2. usage: IN OUT TEMPLATE"""
import sys

import jinja2
import orjson

template = jinja2.Environment().from_string(open(sys.argv[3], encoding="utf-8").read())
with open(sys.argv[1], "rb") as rows, open(sys.argv[2], "wb") as out:
    for line in rows:
        row = orjson.loads(line)
        messages = [
            {"role": "system", "content": "You classify support tickets."},
            {"role": "user", "content": template.render(row)},
            {"role": "assistant", "content": row["label"]},
        ]
        out.write(orjson.dumps({"messages": messages}) + b"\n")
