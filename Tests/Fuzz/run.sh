#!/bin/sh
# Fuzzes the Templates module with libFuzzer and the address sanitizer.
#
#   run.sh build [canary]                 compiles the targets; with canary, those with the planted faults
#   run.sh compile|render [executions]    runs a target; 10,000,000 executions unless told; the corpus is kept and grows
#   run.sh canary                         shows that a bad read, a hang and unbounded memory are caught; fails when one is not
#
# Everything made lies under .build/ here: corpora in .build/corpus-TARGET, inputs that failed in .build/found.
set -eu
cd "$(dirname "$0")"
build=.build
sources=../../Sources/Templates
cases=../Oracles/templates-cases.jsonl
# A crash must end the process, not start Swift's own backtracer; arenas of Swift's runtime are no leaks.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8
settings='-enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility'

compile() {
  mkdir -p "$build" "$build/found"
  rm -f "$build/compile-${1:-plain}" "$build/render-${1:-plain}"
  common="-swift-version 6 -O -g -parse-as-library -sanitize=fuzzer,address $settings"
  if [ ! -f "$build/Templates.o" ] || [ -n "$(find "$sources" -name '*.swift' -newer "$build/Templates.o" | head -n 1)" ]; then
    # shellcheck disable=SC2086,SC2046
    swiftc $common -wmo -module-name Templates -emit-module -emit-module-path "$build/Templates.swiftmodule" -c -o "$build/Templates.o" \
      $(find "$sources" -name '*.swift' | sort)
  fi
  for target in compile render; do
    for kind in ${1:-plain}; do
      flags=; [ "$kind" = canary ] && flags='-D CANARY'
      # shellcheck disable=SC2086
      swiftc $common $flags -wmo -module-name "Fuzz_$target" -I "$build" "Sources/Shared.swift" "Sources/$target.swift" "$build/Templates.o" -o "$build/$target-$kind" 2>&1 | grep -v "Cannot export local symbol" >&2 || [ -x "$build/$target-$kind" ]
    done
  done
}

# One seed a case, and the benchmark's templates.
seeds() {
  folder=$build/seeds
  [ -d "$folder" ] && return
  mkdir -p "$folder"
  FUZZ_CASES=$cases FUZZ_SEEDS=$folder "$build/$1" >/dev/null
  for f in ../Benchmarks/Render/Data/*.jinja; do
    { printf '\002'; cat "$f"; } >"$folder/$(basename "$f")"
  done
}

# fuzz BINARY CORPUS OPTIONS…: one process, bounds on memory and on the seconds of one input.
fuzz() {
  binary=$1 corpus=$2
  shift 2
  mkdir -p "$corpus"
  FUZZ_CONTEXT=$cases "$build/$binary" "$corpus" "$build/seeds" -dict=templates.dict -max_len=600 -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=5 \
    -artifact_prefix="$build/found/$binary-" -print_final_stats=1 -use_value_profile=0 "$@"
}

case ${1:-} in
build)
  compile "${2:-plain}"
  ;;
compile | render)
  compile
  seeds "$1-plain"
  fuzz "$1-plain" "$build/corpus-$1" -runs="${2:-10000000}"
  ;;
canary)
  compile canary
  seeds compile-canary
  failed=0
  for target in compile render; do
    for fault in crash hang memory; do
      case $fault in
      crash) sign='heap-buffer-overflow' ;;
      hang) sign='libFuzzer: timeout' ;;
      memory) sign='libFuzzer: out-of-memory' ;;
      esac
      log=$build/canary-$target-$fault.log
      FUZZ_CANARY=$fault fuzz "$target-canary" "$build/corpus-canary-$target-$fault" -runs=2000000 -max_total_time="${CANARY_SECONDS:-300}" >"$log" 2>&1 || true
      if grep -q "$sign" "$log"; then
        echo "$target: the planted $fault is caught: $(grep -m 1 "$sign" "$log" | sed 's/^==[0-9]*== *//')"
      else
        echo "$target: the planted $fault is NOT caught; see $log" >&2
        failed=1
      fi
    done
  done
  exit $failed
  ;;
*)
  sed -n '2,8p' "$0"
  exit 2
  ;;
esac
