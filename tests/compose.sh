#!/usr/bin/env bash
# Builds every image, starts the whole of docker-compose.yml, calls it from outside (scenarios A1, A2, A4, A5, A6, A17, A18), and takes it down.
# Installs and starts a Docker engine where none answers, and makes stand-ins for images where no registry does. --no-build takes images that are there.
# PROFILE=quick builds larger images, whose size is not checked.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ ${1:-} != --help ]] || { sed -n '2,4s/^# //p' "$0"; exit 0; }

tests/tools/python -c '' # made before anything is timed
own_engine=$(tests/containers/engine.sh)
eval "$own_engine"
work=$(mktemp -d)
end() {
  docker compose --profile '*' down --volumes --timeout 5 >/dev/null 2>&1 || true
  rm -rf "$work"
  [[ -z $own_engine ]] || tests/containers/engine.sh --stop
}
trap end EXIT

# A name and ports of its own, so that it can run beside the system that someone has up.
export COMPOSE_PROJECT_NAME=wayside-test COMPOSE_FILE=docker-compose.yml:$work/ports.yml
cat >"$work/ports.yml" <<'PORTS'
services:
  gateway: {ports: !override ["127.0.0.1::9091"]}
  jaeger: {ports: !override ["127.0.0.1::16686"]}
  prometheus: {ports: !override ["127.0.0.1::9090"]}
  grafana: {ports: !override ["127.0.0.1::3000"]}
PORTS

mapfile -t others < <(docker compose --profile '*' config --images | grep -v '^wayside/' | sort -u)
rust=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)
tests/containers/images.sh "${others[@]}"

if [[ ${1:-} != --no-build ]]; then
  tests/containers/images.sh "$rust"
  began=$SECONDS
  # The stage that all images share first; the others then only copy from it.
  docker compose --progress plain build greet >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
  docker compose --progress quiet build
  echo "images built in $((SECONDS - began)) s"
fi

began=$SECONDS
docker compose --progress quiet --profile observability --profile load up --detach --wait --wait-timeout 180
echo "everything healthy after $((SECONDS - began)) s"
tests/tools/python tests/compose/run.py
began=$SECONDS
docker compose --progress quiet --profile '*' stop
echo "everything stopped in $((SECONDS - began)) s"
