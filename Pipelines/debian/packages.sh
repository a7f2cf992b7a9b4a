#!/bin/sh
# Writes the package index of this Debian machine as JSON Lines, one object per package, sorted by name and version.
# Needs what every Debian has: sh, apt and perl-base.
set -eu

fail() {
  echo "packages.sh: $1" >&2
  exit 1
}

command -v apt-cache >/dev/null 2>&1 || fail "there is no apt-cache here: this source needs a Debian or a system made from it"
command -v perl >/dev/null 2>&1 || fail "there is no perl here: install perl-base"

index=$(mktemp "${TMPDIR:-/tmp}/packages.XXXXXX")
trap 'rm -f "$index"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A file and not a pipe, because sh does not notice when the first program of a pipe fails.
apt-cache dumpavail >"$index" || fail "apt-cache dumpavail failed"

# Without package lists apt still knows the installed packages, or nothing: neither is the index that was asked for.
packages=$(grep -c '^Filename:' "$index" || true)
[ "$packages" -gt 0 ] || fail "apt has no package lists here: run \`apt-get update\` (as root) once"

perl "$(dirname "$0")/packages.pl" <"$index"
