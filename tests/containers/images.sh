#!/usr/bin/env bash
# Has every image that the Dockerfile and docker-compose.yml name: pulled, or, where no registry answers, stand-ins of Debian's packages under the same tags.
# Usage: images.sh IMAGE... with DOCKER_HOST set. Stand-ins hold this machine's settings of apt and its CAs: never publish them.
set -euo pipefail
[[ ${1:-} != --help ]] || { sed -n '2,3s/^# //p' "$0"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
have() { docker image inspect "$1" >/dev/null 2>&1; }

# Debian's smallest system, as debian:bookworm-slim is.
slim() {
  have debian:bookworm-slim && return
  command -v mmdebstrap >/dev/null || { apt-get -qq -o DPkg::Lock::Timeout=300 update; apt-get -qq -y -o DPkg::Lock::Timeout=300 install mmdebstrap >/dev/null; }
  mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm - </etc/apt/sources.list.d/debian.sources >"$work/slim.tar"
  docker import -c 'CMD ["bash"]' -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$work/slim.tar" debian:bookworm-slim
}

# This machine's toolchain, with the C compiler that the official image has.
rust() {
  mkdir -p "$work/rust/toolchain" "$work/rust/ca"
  tar -C "$(rustc --print sysroot)" --exclude=./share --exclude=./bin/rust-analyzer --exclude='./bin/*miri*' -cf - . | tar -C "$work/rust/toolchain" -xf -
  cp /usr/local/share/ca-certificates/*.crt "$work/rust/ca/" 2>/dev/null || true
  cp "$here/rust/Dockerfile" "$work/rust"
  docker build --quiet --tag "$1" "$work/rust"
}

# Jaeger is in no package of Debian. Where tests/tools/jaeger cannot build it, something that only answers its port stands in, since traces are not what is looked
# at here.
all-in-one() {
  if "$here/../tools/jaeger" version >/dev/null 2>&1; then
    mkdir -p "$work/jaeger"
    cp "$here/../../target/tools/bin/jaeger" "$here/jaeger/Dockerfile" "$work/jaeger"
    docker build --quiet --tag "$1" "$work/jaeger"
  else
    docker build --quiet --build-arg PORT=16686 --tag "$1" "$here/answering"
  fi
}

# Grafana neither; tests/dashboards.sh is what looks at its dashboards.
grafana() { docker build --quiet --build-arg PORT=3000 --tag "$1" "$here/answering"; }

for image in "$@"; do
  have "$image" && continue
  # A registry that does not answer is not waited for.
  if [[ -z ${OFFLINE:-} ]]; then
    timeout 120 docker pull --quiet "$image" 2>/dev/null && continue
    OFFLINE=1
  fi
  echo "stand-in for $image"
  slim
  name=${image%%:*}
  name=${name##*/}
  case $name in
    rust | all-in-one | grafana) "$name" "$image" ;;
    *) docker build --quiet --tag "$image" "$here/$name" ;;
  esac
done
