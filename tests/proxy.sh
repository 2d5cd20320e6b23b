#!/usr/bin/env bash
# Puts nginx (grpc_pass) in front of three greet replicas: a gateway with one sticky connection gets an even split, which is scenario A25.
# Installs nginx with apt where there is none. BIN=directory takes the programs from there instead of building them.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ${1:-} == --help ]]; then
  sed -n '2,3s/^# //p' "$0"
  exit
fi
if ! command -v nginx >/dev/null || ! command -v curl >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends nginx-light curl >/dev/null
fi
if [[ -z ${BIN:-} ]]; then
  cargo build --quiet -p greet -p gateway
  BIN=target/debug
fi

work=$(mktemp -d)
pids=()
cleanup() {
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  wait
  rm -rf "$work"
}
trap cleanup EXIT

# Starts a server on a free port, and says which it got: in its line "serving".
start() {
  local name=$1 program=$2
  shift 2
  "$BIN/$program" --listen 127.0.0.1:0 --admin-listen off --log-format json "$@" 2>"$work/$name.log" &
  pids+=($!)
  for _ in {1..200}; do
    address=$(sed -n 's/.*"serving".*"address":"\([^"]*\)".*/\1/p' "$work/$name.log" | head -n 1)
    [[ -n $address ]] && return
    sleep 0.05
  done
  echo "proxy: $name did not start:" >&2
  cat "$work/$name.log" >&2
  exit 1
}

servers=
for number in 1 2 3; do
  start "greet-$number" greet --greet-pod-name "greet-$number" --greet-pod-ip 127.0.0.1
  servers+="server $address; "
done

# A port that was free a moment ago. nginx cannot say which it got.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null ||
  perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
cat >"$work/nginx.conf" <<CONF
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log warn;
events {}
http {
  access_log $work/access.log;
  client_body_temp_path $work/body;
  proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi;
  scgi_temp_path $work/scgi;
  upstream greet { ${servers}keepalive 8; }
  server {
    listen 127.0.0.1:$port http2;
    location / { grpc_pass grpc://greet; }
  }
}
CONF
nginx -e "$work/nginx.log" -c "$work/nginx.conf" &
pids+=($!)
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  kill -0 "${pids[-1]}" 2>/dev/null || { cat "$work/nginx.log" >&2; exit 1; }
  sleep 0.05
done

start gateway gateway --greet-target "ipv4:127.0.0.1:$port" --greet-service-config pick_first
for _ in {1..30}; do
  curl --noproxy '*' -fsS -d '{"first_name":"Ada","last_name":"Lovelace"}' "http://$address/greet"
  echo
done | sed -n 's/.*name(\([^)]*\)).*/\1/p' | sort | uniq -c >"$work/counts"
cat "$work/counts"
if [[ $(awk '{print $1}' "$work/counts" | xargs) != "10 10 10" ]]; then
  echo "proxy: 30 POSTs are not split evenly" >&2
  exit 1
fi
echo "proxy: 30 POSTs over one sticky connection to nginx: 10 to each of three replicas"
