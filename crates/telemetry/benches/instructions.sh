#!/usr/bin/env bash
# Instructions of one line of the access log, all threads together, as valgrind counts them. Unlike times they are the same on a busy machine.
# Fails if one is more than 5 % above instructions.txt; with --write it writes that file, which is due when the compiler has changed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
expected=crates/telemetry/benches/instructions.txt
few=1000
many=21000

if ! command -v valgrind >/dev/null; then
  echo "skipped: valgrind, which counts the instructions, is not installed"
  exit
fi
binary=$(cargo bench --profile quick -p wayside-telemetry --bench line --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')

# All instructions of a process that logs so many lines.
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# The difference of two counts leaves out what is done once.
measured=$(
  for style in json text; do
    of_few=$(count "$style" "$few")
    of_many=$(count "$style" "$many")
    echo "$style $(((of_many - of_few) / (many - few)))"
  done
)
if [[ ${1:-} = --write ]]; then
  echo "$measured" >"$expected"
fi
awk '
  BEGIN { print "style instructions (expected)" }
  NR == FNR { expected[$1] = $2; next }
  { more = $2 > expected[$1] * 1.05; failed = failed || more; print $0, "(" expected[$1] ")", more ? "MORE THAN 5 % ABOVE" : "" }
  END { exit failed }
' "$expected" - <<<"$measured"
