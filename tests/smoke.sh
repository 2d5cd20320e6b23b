#!/usr/bin/env bash
# Starts `wayside up` as a person would, calls every service over gRPC and REST, types the commands that it prints, and stops it.
# WAYSIDE=path takes that program instead of building one. Prints the time to readiness and the memory at rest.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/tools/python -c '' # made before anything is timed
if [[ -z ${WAYSIDE:-} ]]; then
  cargo build --quiet --release -p wayside
  WAYSIDE=target/release/wayside
fi
exec tests/tools/python tests/smoke/smoke.py "$WAYSIDE"
