#!/usr/bin/env bash
# Sends the traces of a running system to Jaeger and asks it back through its own query API: what belongs to one call is one trace.
# WAYSIDE=path takes that program instead of building one. Needs a Go toolchain, or jaeger-all-in-one on the PATH; without both it says so and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ${1:-} = --help ]]; then sed -n '2,3s/^# //p' "$0"; exit; fi
rc=0
tests/tools/jaeger version >/dev/null || rc=$?
if [[ $rc = 127 ]]; then echo "left out: no Jaeger and no Go toolchain to build it with"; exit 0; fi
[[ $rc = 0 ]] || { echo "Jaeger does not run" >&2; exit "$rc"; }
tests/tools/python -c '' # made before anything waits for it
if [[ -z ${WAYSIDE:-} ]]; then
  cargo build --quiet --release -p wayside
  WAYSIDE=target/release/wayside
fi
exec tests/tools/python tests/traces/traces.py "$WAYSIDE"
