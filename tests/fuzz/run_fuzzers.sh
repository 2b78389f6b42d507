#!/usr/bin/env bash
# Runs the fuzzers in turns of a minute until each has had its processor time, and says how often
# each ran its target.
#   bash tests/fuzz/run_fuzzers.sh BUILD SECONDS [TARGET...]
# What they learn stays in BUILD/fuzz/<target>/, what breaks a target in BUILD/fuzz/<target>-*, the
# turns so far in BUILD/fuzz/turns, so that a later run goes on.
set -u
build=$(cd "$1" && pwd) || exit 2
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 0 ]; then
  for source in "$here"/*_fuzz.cpp; do set -- "$@" "$(basename "$source" _fuzz.cpp)"; done
fi
mkdir -p "$build/fuzz"
turns=$build/fuzz/turns
touch "$turns"
failed=0
TIMEFORMAT='%U %S'

# spent TARGET: whole seconds of processor time, and executions.
spent() {
  awk -v target="$1" '$1 == target { time += $2; runs += $3 } END { printf "%d %d", time, runs }' \
    "$turns"
}

going=1
while [ $going = 1 ]; do
  going=0
  for target; do
    read -r time _ <<<"$(spent "$target")"
    [ "$time" -lt "$seconds" ] || continue
    going=1
    mkdir -p "$build/fuzz/$target"
    log=$build/fuzz/$target.log
    used=$({ time "$build/tests/semblance_fuzz_$target" -max_total_time=60 -max_len=16384 \
      -timeout=300 -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1 \
      -artifact_prefix="$build/fuzz/$target-" \
      "$build/fuzz/$target" "$here/corpus/$target" >"$log" 2>&1; } 2>&1 | tail -n 1)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target $(awk "BEGIN { print ${used/ /+} }") ${runs:-0}" >>"$turns"
    if ! grep -q '^stat::number' "$log" || grep -q 'SUMMARY:' "$log"; then
      echo "$target: broken, see $log"
      failed=1
      break 2
    fi
  done
done
for target; do
  read -r time runs <<<"$(spent "$target")"
  echo "$target: $runs executions in $time s of processor time"
done
exit $failed
