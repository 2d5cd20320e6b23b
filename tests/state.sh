#!/usr/bin/env bash
# Runs the tests that need servers of others: accounts on PostgreSQL and the cache on Redis, both started here, killed and halted under load, and stopped again.
# tests/state.sh --left-out only says what `cargo test --workspace` leaves out because of that. PACKAGES='-p accounts -p cache' builds those alone;
# REDIS_SERVER=valkey-server takes Valkey for Redis.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
read -ra packages <<<"${PACKAGES:---workspace}"

case ${1:-} in
  --help) sed -n 2,4p "$0"; exit ;;
  --left-out)
    ignored=$(cargo test --quiet "${packages[@]}" --lib -- --list --ignored store::tests)
    count() { grep -c "$1.*: test\$" <<<"$ignored" || true; }
    printf '\nLeft out, as they need servers of others; tests/state.sh starts those and runs them:\n'
    printf '  accounts on PostgreSQL: accounts_on_postgres (crates/accounts/tests/it) and %s tests of the store\n' "$(count postgres)"
    printf '  cache on Redis: cache_on_redis (crates/cache/tests/service) and %s tests of the store\n' "$(count redis)"
    exit
    ;;
  '') ;;
  *) echo "state.sh: '$1' is none of --left-out, --help" >&2; exit 2 ;;
esac

servers=$(mktemp -d)
mkdir "$servers"/{redis,cluster,tls,postgres}
# PostgreSQL may run as another user.
chmod 755 "$servers"
stop() {
  cd "$root"
  for server in redis cluster tls; do tests/tools/redis stop "$servers/$server"; done
  tests/tools/postgres stop "$servers/postgres"
  rm -rf "$servers"
}
trap stop EXIT

WAYSIDE_TEST_REDIS=$(tests/tools/redis start "$servers/redis")
WAYSIDE_TEST_POSTGRES=$(tests/tools/postgres start "$servers/postgres")
export WAYSIDE_TEST_REDIS WAYSIDE_TEST_REDIS_PASSWORD_FILE=$servers/redis/password
export WAYSIDE_TEST_POSTGRES WAYSIDE_TEST_POSTGRES_PASSWORD_FILE=$servers/postgres/password
cargo test --quiet "${packages[@]}" --lib -- --ignored store::tests
cargo test --quiet "${packages[@]}" --test accounts_on_postgres --test cache_on_redis

# A node of a Redis Cluster refuses a script whose keys are not all in one slot; this one has every slot.
WAYSIDE_TEST_REDIS=$(tests/tools/redis start "$servers/cluster" --cluster-enabled yes)
export WAYSIDE_TEST_REDIS_PASSWORD_FILE=$servers/cluster/password
cluster() { REDISCLI_AUTH=$(cat "$WAYSIDE_TEST_REDIS_PASSWORD_FILE") redis-cli -u "$WAYSIDE_TEST_REDIS" cluster "$@"; }
cluster addslotsrange 0 16383 >/dev/null
until cluster info | grep -q cluster_state:ok; do sleep 0.1; done
cargo test --quiet "${packages[@]}" --lib -- --ignored store::tests::on_redis store::tests::redis

# Both over TLS, with a certificate that only a CA of ours vouches for: with it they are trusted, and without it not.
tests/tools/apt openssl openssl
cd "$servers"
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${key[@]}" -days 2 -subj /CN=state.sh -keyout ca.key -out ca.pem 2>/dev/null
openssl req "${key[@]}" -subj /CN=localhost -keyout server.key -out server.csr 2>/dev/null
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile <(echo subjectAltName=DNS:localhost) -out server.crt 2>/dev/null
cp --preserve=mode server.key server.crt postgres/data
[[ $EUID != 0 ]] || chown nobody:nogroup postgres/data/server.{key,crt}
psql --quiet "$WAYSIDE_TEST_POSTGRES" -c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()' >/dev/null
cd - >/dev/null
port=$((31000 + RANDOM % 1000))
tests/tools/redis start "$servers/tls" --tls-port "$port" --tls-cert-file "$servers/server.crt" --tls-key-file "$servers/server.key" --tls-auth-clients no >/dev/null
over_tls() { # over_tls CA-OF-REDIS OPTIONS-OF-POSTGRES TEST
  SSL_CERT_FILE=$1 WAYSIDE_TEST_REDIS=rediss://localhost:$port WAYSIDE_TEST_REDIS_PASSWORD_FILE=$servers/tls/password \
    WAYSIDE_TEST_POSTGRES="${WAYSIDE_TEST_POSTGRES/127.0.0.1/localhost}?sslmode=verify-full$2" \
    cargo test --quiet "${packages[@]}" --lib -- --ignored "$3"
}
over_tls "$servers/ca.pem" "&sslrootcert=$servers/ca.pem" what_one_replica
over_tls "$servers/ca.pem" "&sslrootcert=$servers/ca.pem" on_redis::racing
for test in what_one_replica on_redis::racing; do
  if over_tls /dev/null '' "$test" &>"$servers/log" || ! grep -iq certificate "$servers/log"; then
    cat "$servers/log"
    echo "state.sh: $test is not refused for a certificate that nobody vouches for" >&2
    exit 1
  fi
done
echo "state.sh: all of it holds on PostgreSQL, on Redis, on a node of a Redis Cluster, and over TLS"
