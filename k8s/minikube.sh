#!/usr/bin/env bash
# Builds the images into minikube, applies an overlay (default: sticky), waits until everything serves, and greets 30 times over one connection.
# Usage: k8s/minikube.sh [sticky|headless|lookaside|pool|mesh|observability]   Needs a running minikube with its docker runtime, docker, and kubectl.
set -euo pipefail
cd "$(dirname "$0")/.."
overlay=${1:-sticky}
case $overlay in
  --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
esac
[[ -d k8s/overlays/$overlay ]] || { echo "minikube.sh: there is no overlay $overlay; there are: $(ls k8s/overlays | tr '\n' ' ')" >&2; exit 2; }

# The images are built by minikube's own engine, so that nothing has to be pushed or loaded.
eval "$(minikube docker-env)"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
for server in greet media movies accounts cache lookaside gateway wayside; do
  docker build --quiet --build-arg "PROFILE=${PROFILE:-release}" --target "$server" --tag "wayside/$server:$version" .
done

# What is secret is made once and is in no file.
kubectl apply -f k8s/base/namespace.yaml
if ! kubectl -n wayside get secret passwords >/dev/null 2>&1; then
  kubectl -n wayside create secret generic passwords \
    --from-literal="postgres=$(head -c 24 /dev/urandom | base64)" --from-literal="redis=$(head -c 24 /dev/urandom | base64)"
fi
# The private key stays on this machine, where `wayside token` finds it; accounts gets the public one.
if [[ ! -s certs/jwks.json ]]; then
  maker=$(docker create --network none "wayside/wayside:$version" token --key /keys/jwt-key.pem --subject nobody --lifetime 1s)
  docker start --attach "$maker" >/dev/null 2>&1
  mkdir -p certs
  docker cp --quiet "$maker:/keys/jwt-key.pem" certs/jwt-key.pem
  docker cp --quiet "$maker:/keys/jwks.json" certs/jwks.json
  docker rm "$maker" >/dev/null
fi
kubectl -n wayside create configmap jwks --from-file=certs/jwks.json --dry-run=client -o yaml | kubectl apply -f -

kubectl apply -k "k8s/overlays/$overlay"
for workload in $(kubectl -n wayside get statefulsets,deployments -o name); do
  kubectl -n wayside rollout status "$workload" --timeout 5m
done

port=$(kubectl -n wayside get service gateway -o jsonpath='{.spec.ports[0].nodePort}')
echo "The gateway is at http://$(minikube ip):$port (or, with 'minikube tunnel', at the address that 'kubectl -n wayside get service gateway' shows)."

# Forwarding ends at one gateway, so what is seen is how that one balances.
kubectl -n wayside port-forward service/gateway 19091:9091 >/dev/null &
forwarder=$!
trap 'kill "$forwarder"' EXIT
curl --silent --retry 30 --retry-delay 1 --retry-connrefused --output /dev/null http://127.0.0.1:19091/healthz
echo "30 greetings over one connection:"
curl --silent --header 'content-type: application/json' --data '{"first_name":"Ada","last_name":"Lovelace"}' 'http://127.0.0.1:19091/greet#[1-30]' \
  | grep -o 'name([^)]*)' | sort | uniq -c
