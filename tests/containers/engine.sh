#!/usr/bin/env bash
# Gives a Docker engine with Compose v2: the one that answers, else one that it installs on Debian 12 and starts for itself.
# Usage: eval "$(tests/containers/engine.sh)" sets DOCKER_HOST if need be; engine.sh --stop ends an engine that it started.
set -euo pipefail
state=${ENGINE_STATE:-/var/lib/wayside-engine}
host=unix://$state/docker.sock

case ${1:-} in
  --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
  --stop) [[ ! -s $state/pid ]] || kill "$(cat "$state/pid")"; exit 0 ;;
esac

# Debian 12's own engine has no Compose v2; Debian 13's packages run on it. The pin keeps everything else of Debian 13 away.
install() {
  [[ -f /etc/apt/sources.list.d/debian.sources ]] || { echo "engine.sh: no Docker engine answers, and this is no Debian 12" >&2; exit 1; }
  sed -E 's/^Suites: bookworm bookworm-updates/Suites: trixie trixie-updates/; s/^Suites: bookworm-security/Suites: trixie-security/' \
    /etc/apt/sources.list.d/debian.sources >/etc/apt/sources.list.d/trixie-docker.sources
  cat >/etc/apt/preferences.d/trixie-docker <<'PIN'
Package: *
Pin: release n=trixie*
Pin-Priority: -1

Package: docker.io docker-cli docker-buildx docker-compose containerd
Pin: release n=trixie*
Pin-Priority: 700
PIN
  apt-get -qq -o DPkg::Lock::Timeout=300 update
  # The package would start an engine of its own.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  apt-get -qq -y -o DPkg::Lock::Timeout=300 --no-install-recommends install \
    docker.io docker-cli docker-buildx docker-compose containerd iptables
  rm -f /usr/sbin/policy-rc.d
}

answers() { docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; }

if answers; then exit 0; fi
export DOCKER_HOST=$host
{
  if ! answers; then
    dpkg -s docker.io docker-buildx docker-compose >/dev/null 2>&1 || install
    mkdir -p "$state"
    rm -f "$state/pid"
    setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" --host "$host" --mtu 1400 \
      >"$state/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 150); do ! answers || break; sleep 0.2; done
    answers || { tail -n 20 "$state/dockerd.log"; exit 1; }
  fi
} >&2
echo "export DOCKER_HOST=$host"
