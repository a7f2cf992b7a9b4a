"""Renders per CPU second of Jinja2 over NAME.jinja and NAME.json of a folder, single thread; writes NAME.out for the comparison of bytes.

usage: jinja2_rates.py FOLDER OUT [seconds]   prints one line a template: name, rate
"""
import json
import os
import sys
import time

import jinja2

folder, out = sys.argv[1:3]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 1.5
for name in ["qa", "fewshot", "chat", "big", "tojson"]:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda x: json.dumps(x, ensure_ascii=False)
    template = environment.from_string(open(os.path.join(folder, name + ".jinja"), encoding="utf-8").read())
    context = json.load(open(os.path.join(folder, name + ".json"), encoding="utf-8"))
    with open(os.path.join(out, name + ".out"), "w", encoding="utf-8", newline="") as f:
        f.write(template.render(context))
    best = 0.0
    for _ in range(3):
        count, start = 0, time.process_time()
        while True:
            for _ in range(20):
                template.render(context)
            count += 20
            spent = time.process_time() - start
            if spent >= seconds / 3:
                break
        best = max(best, count / spent)
    print(name, int(best), flush=True)
