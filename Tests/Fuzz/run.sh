#!/bin/sh
# Fuzzes the Templates module with libFuzzer.
#
#   run.sh compile|render [executions] [asan]   runs a target; 10,000,000 executions unless told; the corpus is kept and grows
#   run.sh canary                               shows that a bad read, a hang and unbounded memory are caught; fails when one is not
#   run.sh build fast|asan [canary]             compiles the targets only; with canary, those with the planted faults
#
# Two builds of the same targets share one corpus. `fast` has the fuzzer's coverage and Swift's own checks of bounds and overflow: it is for the great
# number. `asan` adds the address sanitizer, which also sees a bad access behind a pointer, at a third of the speed or less: run it over the corpus that
# the fast one grew (`run.sh render 1000000 asan`). Everything made lies under .build/ here; inputs that failed in .build/found.
set -eu
cd "$(dirname "$0")"
build=.build
sources=../../Sources/Templates
cases=../Oracles/templates-cases.jsonl
# A crash must end the process, not start Swift's own backtracer; arenas of Swift's runtime are no leaks.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8
settings='-enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility'

# compile fast|asan [canary]: TARGET-fast, TARGET-asan, or TARGET-fast-canary, TARGET-asan-canary.
compile() {
  objects=$build/$1
  suffix=$1${2:+-$2}
  mkdir -p "$objects" "$build/found"
  case $1 in
  fast) sanitizers=fuzzer ;;
  asan) sanitizers=fuzzer,address ;;
  *) usage ;;
  esac
  common="-swift-version 6 -O -g -parse-as-library -sanitize=$sanitizers $settings"
  if [ ! -f "$objects/Templates.o" ] || [ -n "$(find "$sources" -name '*.swift' -newer "$objects/Templates.o" | head -n 1)" ]; then
    # shellcheck disable=SC2086,SC2046
    swiftc $common -wmo -module-name Templates -emit-module -emit-module-path "$objects/Templates.swiftmodule" -c -o "$objects/Templates.o" \
      $(find "$sources" -name '*.swift' | sort)
  fi
  for target in compile render; do
    rm -f "$build/$target-$suffix"
    # shellcheck disable=SC2086
    swiftc $common ${2:+-D CANARY} -wmo -module-name "Fuzz_$target" -I "$objects" Sources/Shared.swift "Sources/$target.swift" "$objects/Templates.o" \
      -o "$build/$target-$suffix" 2>&1 | grep -v "Cannot export local symbol" >&2 || [ -x "$build/$target-$suffix" ]
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

# fuzz BINARY CORPUS OPTIONS…: one process, bounds on memory and on the seconds of one input. Without -reload=0 the corpus is read anew each second.
fuzz() {
  binary=$1 corpus=$2
  shift 2
  mkdir -p "$corpus"
  FUZZ_CONTEXT=$cases "$build/$binary" "$corpus" "$build/seeds" -dict=templates.dict -max_len=600 -reload=0 -rss_limit_mb=1024 -malloc_limit_mb=512 \
    -timeout="${FUZZ_TIMEOUT:-5}" -artifact_prefix="$build/found/$binary-" -print_final_stats=1 -use_value_profile=0 "$@"
}

usage() {
  sed -n '2,11p' "$0"
  exit 2
}

case ${1:-} in
build)
  compile "${2:-fast}" "${3:-}"
  ;;
compile | render)
  kind=${3:-fast}
  compile "$kind"
  seeds "$1-$kind"
  fuzz "$1-$kind" "$build/corpus-$1" -runs="${2:-10000000}"
  ;;
canary)
  compile fast canary
  compile asan canary
  seeds compile-fast-canary
  failed=0
  for target in compile render; do
    # The three faults share a corpus: what leads up to one leads up to the others, so the slow build comes last.
    corpus=$build/corpus-canary-$target
    rm -rf "$corpus"
    for fault in hang memory crash; do
      case $fault in
      crash) kind=asan sign='heap-buffer-overflow' ;;
      hang) kind=fast sign='libFuzzer: timeout' ;;
      memory) kind=fast sign='libFuzzer: out-of-memory' ;;
      esac
      log=$build/canary-$target-$fault.log
      # The seeds alone must not reach it: it has to be found.
      if ! FUZZ_CANARY=$fault fuzz "$target-$kind-canary" "$corpus" -runs=0 >"$log" 2>&1; then
        echo "$target: a seed reaches the planted $fault; see $log" >&2
        failed=1
        continue
      fi
      FUZZ_CANARY=$fault fuzz "$target-$kind-canary" "$corpus" -runs=20000000 -max_total_time="${CANARY_SECONDS:-600}" >"$log" 2>&1 || true
      if grep -q "$sign" "$log"; then
        echo "$target: the planted $fault is caught after $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions: $(grep -m 1 "$sign" "$log" | sed 's/^==[0-9]*== *//')"
      else
        echo "$target: the planted $fault is NOT caught; see $log" >&2
        failed=1
      fi
    done
  done
  exit $failed
  ;;
*) usage ;;
esac
