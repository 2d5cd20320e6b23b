#!/usr/bin/env bash
# Runs the tests that need servers of others: accounts on PostgreSQL and the cache on Redis, both started here, killed and halted under load, and stopped again.
# tests/state.sh --left-out only says what `cargo test --workspace` leaves out because of that. PACKAGES='-p accounts -p cache' builds those alone;
# REDIS_SERVER=valkey-server takes Valkey for Redis.
set -euo pipefail
cd "$(dirname "$0")/.."
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
mkdir "$servers"/{redis,cluster,postgres}
# PostgreSQL may run as another user.
chmod 755 "$servers"
stop() {
  tests/tools/redis stop "$servers/redis"
  tests/tools/redis stop "$servers/cluster"
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
REDISCLI_AUTH=$(cat "$WAYSIDE_TEST_REDIS_PASSWORD_FILE") redis-cli -u "$WAYSIDE_TEST_REDIS" cluster addslotsrange 0 16383 >/dev/null
cargo test --quiet "${packages[@]}" --lib -- --ignored store::tests::on_redis store::tests::redis
