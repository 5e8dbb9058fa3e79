#!/bin/sh
# Runs one libFuzzer target from its corpus on: run.sh PROGRAM CORPUS.  What it finds new stays in
# the build folder.  The seed is fixed, so that the same program does the same until its time is up.
set -eu
program=$1
corpus=$2
work=$program.work
mkdir -p "$work/found" "$work/failed"
"$program" -seed="${ISOTHERM_SEED:-1}" -max_total_time="${ISOTHERM_FUZZ_SECONDS:-5}" -timeout=60 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$work/failed/" "$work/found" \
    "$corpus" \
    >"$work/log" 2>&1 || { tail -60 "$work/log"; exit 1; }
grep -E 'stat::number_of_executed_units|stat::average_exec' "$work/log"
