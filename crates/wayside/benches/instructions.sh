#!/usr/bin/env bash
# Instructions and allocations of a unary call in the server's process, by server: tonic's own, ours without interceptors, with all of them, and with a log
# line too. Fails if one has more than 5 % more than instructions.txt says; with --write it writes that file, which is due when the compiler has changed.
# WAYSIDE=path takes that program instead of building one; the expected numbers are those of a release build.
set -euo pipefail
cd "$(dirname "$0")/../../.."
source tests/instructions.sh
needs_valgrind
if [[ -z ${WAYSIDE:-} ]]; then
  cargo build --quiet --release -p wayside
  WAYSIDE=target/release/wayside
fi
measured=$("$WAYSIDE" lab stack --instructions)
compare "server" "instructions allocations" crates/wayside/benches/instructions.txt "$measured" "${1:-}"
