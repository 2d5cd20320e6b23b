#!/usr/bin/env bash
# Instructions and allocations that each layer adds to a unary call. Fails if one has more of them than instructions.txt says, by 5 % of the instructions;
# with --write it writes that file, which is due when the compiler has changed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
source tests/instructions.sh
needs_valgrind
binary=$(bench wayside-interceptors instructions)
few=100
many=1100

# `row SIDE LAYER`: what a call costs that goes through the layer.
row() { echo "$(each instructions "$few" "$many" "$binary" "$@") $(each allocations "$few" "$many" "$binary" "$@")"; }

measured=$(
  "$binary" rows | while read -r side layer; do
    read -r instructions allocations < <(row "$side" "$layer")
    if [[ $layer = none ]]; then
      # The first of its side: the call itself, which is then left out.
      call_instructions=$instructions call_allocations=$allocations
      echo "$side call $instructions $allocations"
    else
      echo "$side $layer $((instructions - call_instructions)) $((allocations - call_allocations))"
    fi
  done
)
compare "side layer" "instructions allocations" crates/interceptors/benches/instructions.txt "$measured" "${1:-}"
