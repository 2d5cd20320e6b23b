#!/usr/bin/env bash
# Instructions of one pick, with the load of the current picker, as valgrind counts them. Unlike times they are the same on a busy machine.
# Fails if one is more than 5 % above instructions.txt; with --write it writes that file, which is due when the compiler has changed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
expected=crates/balance/benches/instructions.txt
few=10000
many=60000

if ! command -v valgrind >/dev/null; then
  echo "skipped: valgrind, which counts the instructions, is not installed"
  exit
fi
binary=$(cargo bench --profile quick -p wayside-balance --bench instructions --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')

# All instructions of a process that makes so many picks.
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# The difference of two counts leaves out what is done once: making the policy and its subchannels.
measured=$(
  for policy in pick_first random round_robin least_request weighted_round_robin ring_hash; do
    for endpoints in 3 1000; do
      of_few=$(count "$policy" "$endpoints" "$few")
      of_many=$(count "$policy" "$endpoints" "$many")
      echo "$policy $endpoints $(((of_many - of_few) / (many - few)))"
    done
  done
)
if [[ ${1:-} = --write ]]; then
  echo "$measured" >"$expected"
fi
awk '
  BEGIN { print "policy endpoints instructions (expected)" }
  NR == FNR { expected[$1, $2] = $3; next }
  { more = $3 > expected[$1, $2] * 1.05; failed = failed || more; print $0, "(" expected[$1, $2] ")", more ? "MORE THAN 5 % ABOVE" : "" }
  END { exit failed }
' "$expected" - <<<"$measured"
