#!/usr/bin/env bash
# Calls our servers with a client that is not ours, Python's grpcio (the C core): every kind of call, deadlines, cancellation, error details,
# compression, TLS and mutual TLS, six restarts under load, of which no call may notice anything, and the lab with it beside ours.
# BIN=directory takes the programs from there instead of building them.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/tools/python -c '' # made before anything is timed
if [[ -z ${BIN:-} ]]; then
  cargo build --quiet -p greet -p movies -p wayside
  BIN=target/debug
fi
cargo test --quiet -p e2e --test e2e -- --ignored # slow tests of what stock tonic does
tests/tools/python tests/interop/calls.py "$BIN"
tests/tools/python tests/interop/restarts.py "$BIN"
# Ours and grpcio through the same restarts, as anyone can repeat.
"$BIN/wayside" lab --fault sigterm --restarts 2 --duration 8s --strategy grpcio,grpcio-retry,round_robin,round_robin-retry --python tests/tools/python
