#!/usr/bin/env bash
# Runs the tests that need servers of others: accounts on PostgreSQL and the cache on Redis, both started here and stopped again, and killed under load.
# tests/state.sh --left-out only lists what `cargo test --workspace` leaves out because of that. REDIS_SERVER=valkey-server takes Valkey for Redis.
set -euo pipefail
cd "$(dirname "$0")/.."
# What runs on PostgreSQL or Redis alone: these programs, and the ignored tests of the libraries.
programs=(--test accounts_on_postgres --test cache_on_redis)

case ${1:-} in
  --help) sed -n 2,3p "$0"; exit ;;
  --left-out)
    # The output is taken whole first: with an early end of the pipe, the reason of a failure would be lost.
    listed=$(cargo test --quiet -p accounts -p cache --lib "${programs[@]}" -- --list --ignored)
    printf '\nLeft out, as they need servers of their own; tests/state.sh starts those and runs them:\n'
    printf '  %s tests of accounts on PostgreSQL, %s of the cache on Redis\n' \
      "$(grep -c 'postgres.*: test$' <<<"$listed")" "$(grep -c 'redis.*: test$' <<<"$listed")"
    exit
    ;;
esac

servers=$(mktemp -d)
mkdir "$servers"/{redis,cluster,postgres}
chmod 755 "$servers"
stop() {
  for server in redis cluster; do tests/tools/redis stop "$servers/$server"; done
  tests/tools/postgres stop "$servers/postgres"
  rm -rf "$servers"
}
trap stop EXIT

WAYSIDE_TEST_REDIS=$(tests/tools/redis start "$servers/redis")
WAYSIDE_TEST_POSTGRES=$(tests/tools/postgres start "$servers/postgres")
export WAYSIDE_TEST_REDIS WAYSIDE_TEST_REDIS_PASSWORD_FILE=$servers/redis/password
export WAYSIDE_TEST_POSTGRES WAYSIDE_TEST_POSTGRES_PASSWORD_FILE=$servers/postgres/password
cargo test -p accounts -p cache --lib -- --ignored
cargo test -p accounts -p cache "${programs[@]}"
