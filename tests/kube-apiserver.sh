#!/usr/bin/env bash
# Runs the Kubernetes resolver's tests against a real kube-apiserver, or has it check manifests.
#
#   tests/kube-apiserver.sh              the tests of crates/lookaside that need an API server
#   tests/kube-apiserver.sh apply DIR…   kubectl apply --dry-run=server -k DIR, for each (default: every folder of k8s/overlays)
#
# kube-apiserver is built from its Go module on first use and kept below target/tools: nine minutes were measured on one of two busy cores. Without a Go toolchain, and without a kube-apiserver that is there already, it says so and does nothing.
# LONGEST_BUILD=seconds (default 1200) is what the build may take; when it takes longer the same holds.
set -euo pipefail
cd "$(dirname "$0")/.."

kubernetes=1.33.13 # the API version that k8s-openapi is built for in Cargo.toml
tools=$PWD/target/tools/kube-$kubernetes

usage() { sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; }

skip() {
  echo "kube-apiserver: $*: left out"
  exit 0
}

# The module replaces its staging modules by folders that its archive does not have. They are published under the same version, but as 0.x.
build() {
  local program=$1
  [[ -x $tools/$program ]] && return
  command -v go >/dev/null || skip "neither $tools/$program nor a Go toolchain is there"
  mkdir -p "$tools/module"
  local source
  source=$(cd "$tools" && GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  {
    echo "module kubernetes-tools"
    grep '^go ' "$source/go.mod"
    echo "godebug default=go1.24"
    echo "require k8s.io/kubernetes v$kubernetes"
    sed -n "s#^\t\(k8s.io/[a-z-]*\) => ./staging/.*#replace \1 => \1 v0.${kubernetes#*.}#p" "$source/go.mod"
  } >"$tools/module/go.mod"
  local start=$SECONDS
  (cd "$tools/module" && CGO_ENABLED=0 GOFLAGS="-mod=mod -buildvcs=false" timeout "${LONGEST_BUILD:-1200}" \
    go build -trimpath -ldflags='-s -w' -o "$tools/$program.new" "k8s.io/kubernetes/cmd/$program" 2>"$tools/$program.log") ||
    skip "$program could not be built in time, see $tools/$program.log"
  mv "$tools/$program.new" "$tools/$program"
  echo "$program $kubernetes was built in $((SECONDS - start)) s"
}

# From Debian, but not installed: its package would start a service.
etcd() {
  [[ -x $tools/etcd ]] && return
  (cd "$tools" && { apt-get download -q etcd-server || { apt-get update -q && apt-get download -q etcd-server; }; } &&
    dpkg -x etcd-server_*.deb unpacked && mv unpacked/usr/bin/etcd etcd && rm -r unpacked etcd-server_*.deb) >"$tools/etcd.log" 2>&1 ||
    skip "no package etcd-server, see $tools/etcd.log"
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

start() {
  home=$(mktemp -d)
  trap stop EXIT
  local store peer port token
  store=http://127.0.0.1:$(free_port)
  peer=http://127.0.0.1:$(free_port)
  port=$(free_port)
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  openssl genrsa -out "$home/accounts.key" 2048 2>/dev/null
  echo "$token,admin,admin,system:masters" >"$home/tokens"
  "$tools/etcd" --data-dir "$home/etcd" --listen-client-urls "$store" --advertise-client-urls "$store" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" >"$home/etcd.log" 2>&1 &
  pids=($!)
  "$tools/kube-apiserver" --etcd-servers "$store" --bind-address 127.0.0.1 --secure-port "$port" --cert-dir "$home" \
    --authorization-mode RBAC --token-auth-file "$home/tokens" --service-cluster-ip-range 10.96.0.0/16 \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$home/accounts.key" \
    --service-account-signing-key-file "$home/accounts.key" >"$home/kube-apiserver.log" 2>&1 &
  pids+=($!)
  cat >"$home/kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$port", certificate-authority: "$home/apiserver.crt"}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: test, context: {cluster: test, user: admin, namespace: default}}]
current-context: test
CONFIG
  export KUBECONFIG=$home/kubeconfig
  local deadline=$((SECONDS + 60))
  until curl -sf -o "$home/ready" --cacert "$home/apiserver.crt" -H "Authorization: Bearer $token" "https://127.0.0.1:$port/readyz"; do
    if ((SECONDS > deadline)) || ! kill -0 "${pids[@]}" 2>/dev/null; then
      tail -5 "$home"/*.log >&2
      echo "kube-apiserver: it does not get ready" >&2
      exit 1
    fi
    sleep 0.2
  done
}

stop() {
  [[ -z ${pids:-} ]] || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$home"
}

# Namespaced objects need their namespace, also when they are not kept.
apply() {
  local kubectl overlay namespace
  kubectl=$(command -v kubectl || echo "$tools/kubectl")
  for overlay in "$@"; do
    "$kubectl" kustomize "$overlay" >"$home/manifests"
    for namespace in $(sed -n 's/^ *namespace: *"\{0,1\}\([a-z0-9-]*\).*/\1/p' "$home/manifests" | sort -u); do
      "$kubectl" get namespace "$namespace" >/dev/null 2>&1 || "$kubectl" create namespace "$namespace" >/dev/null
    done
    echo "+ kubectl apply --dry-run=server -k $overlay"
    "$kubectl" apply --dry-run=server -f "$home/manifests"
  done
}

case ${1:-} in
  -h | --help) usage && exit ;;
  '' | apply) ;;
  *) usage >&2 && exit 2 ;;
esac
for program in curl openssl; do
  command -v "$program" >/dev/null || apt-get install -y -q "$program" >/dev/null
done
build kube-apiserver
etcd
if [[ ${1:-} == apply ]]; then
  shift
  command -v kubectl >/dev/null || build kubectl
  start
  (($#)) || set -- k8s/overlays/*/
  apply "$@"
else
  cargo test --quiet -p lookaside --test kubernetes --no-run
  start
  cargo test --quiet -p lookaside --test kubernetes -- --ignored --nocapture real_api_server
fi
