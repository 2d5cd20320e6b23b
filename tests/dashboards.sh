#!/usr/bin/env bash
# Starts `wayside up` and a real Prometheus beside it, makes calls, and asks that Prometheus every query of every dashboard and alert: each has to be understood, to name only metrics and
# labels that the servers export, and to find something.
# WAYSIDE=path takes that program instead of building one.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  '') ;;
  --help) sed -n '2,4s/^# //p' "$0" && exit ;;
  *) echo "dashboards.sh takes no argument but --help" >&2 && exit 2 ;;
esac
tests/tools/python -c '' # made before anything is started
tests/tools/prometheus promtool check rules observability/alerts.yml
tests/tools/prometheus promtool check config --syntax-only observability/prometheus.yml
if [[ -z ${WAYSIDE:-} ]]; then
  cargo build --quiet --release -p wayside
  WAYSIDE=target/release/wayside
fi
exec tests/tools/python tests/dashboards/dashboards.py "$WAYSIDE"
