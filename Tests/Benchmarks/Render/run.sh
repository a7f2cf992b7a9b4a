#!/bin/sh
# Renders per second of the five templates in Data/, ours and Jinja2's in one run; the table is kept in ../Results/render.md.
set -eu
cd "$(dirname "$0")"
seconds=${1:-1.5}
swift build -c release --product RenderBench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp Data/* "$work"
# Without Jinja2 there is nothing to compare with: our own figures are printed all the same.
if python3 -c 'import jinja2' 2>/dev/null; then
  python3 jinja2_rates.py Data "$work" "$seconds" >"$work/jinja2"
else
  : >"$work/jinja2"
fi
mkdir -p ../Results
{
  echo "# Renders per CPU second, one thread"
  echo
  echo "$(date -u +%Y-%m-%d), $(uname -m), Jinja2 $(python3 -c 'import jinja2; print(jinja2.__version__)' 2>/dev/null || echo 'not there')"
  echo
  echo "| template | context read before | row as JSON | Jinja2 | context / Jinja2 | JSON / Jinja2 | bytes |"
  echo "|---|---|---|---|---|---|---|"
  .build/release/RenderBench "$work" "$seconds" --table "$work/jinja2"
  # What was written by hand below the table stays.
  [ ! -f ../Results/render.md ] || sed -n "/^The aims/,\$p" ../Results/render.md | sed "1s/^/\n/"
} >"$work/render.md"
tee ../Results/render.md <"$work/render.md"
