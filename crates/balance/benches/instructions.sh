#!/usr/bin/env bash
# Instructions of one pick, with the load of the current picker. Fails if one is more than 5 % above instructions.txt; with --write it writes that
# file, which is due when the compiler has changed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
source tests/instructions.sh
needs_valgrind
binary=$(bench wayside-balance instructions)

measured=$(
  for policy in pick_first random round_robin least_request weighted_round_robin ring_hash; do
    for endpoints in 3 1000; do
      echo "$policy $endpoints $(each instructions 10000 60000 "$binary" "$policy" "$endpoints")"
    done
  done
)
compare "policy endpoints" "instructions" crates/balance/benches/instructions.txt "$measured" "${1:-}"
