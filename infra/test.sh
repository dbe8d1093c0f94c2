#!/usr/bin/env bash
# Starts throw-away servers, runs the tests, stops the servers, prints the totals. Arguments go to `dotnet test`; without
# any, the long tests are left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || set -- --filter 'Category!=Long'
infra/install.sh

dir=$(mktemp -d)
tests=
# shellcheck disable=SC2317
finish() {
  trap - EXIT INT TERM
  # The whole group: `dotnet test` has hosts of its own, and finishes its run on a milder signal.
  if [ -n "$tests" ]; then kill -KILL -- "-$tests" 2> /dev/null || true; wait "$tests" 2> /dev/null || true; fi
  infra/servers.sh destroy "$dir/servers"
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The account of PostgreSQL must be able to enter.
chmod o+x "$dir"
infra/servers.sh guard "$dir/servers" $$
REDIS_APPENDFSYNC=everysec infra/servers.sh start "$dir/servers" &
servers=$!
dotnet build -c Release --nologo -v quiet
wait "$servers"

# Only under names of the tests: a worker started by a test must not find servers that the test did not give it.
value() { sed -n "s/^ConnectionStrings__$1='\(.*\)'$/\1/p" "$dir/servers/servers.env"; }
ASYNCCHECKPOINTS_TEST_REDIS=$(value Redis)
ASYNCCHECKPOINTS_TEST_RABBITMQ=$(value RabbitMq)
ASYNCCHECKPOINTS_TEST_POSTGRES=$(value Postgres)
export ASYNCCHECKPOINTS_TEST_REDIS ASYNCCHECKPOINTS_TEST_RABBITMQ ASYNCCHECKPOINTS_TEST_POSTGRES

status=0
set -m
dotnet test -c Release --no-build --nologo --blame-hang-timeout 6m --blame-hang-dump-type none --logger "trx;LogFileName=results.trx" --results-directory "$dir/results" "$@" < /dev/null &
tests=$!
set +m
wait "$tests" || status=$?
tests=
counters=$(grep -o '<Counters [^>]*>' "$dir/results/results.trx" || true)
count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<< "$counters"; }
echo "$(count passed) passed, $(count failed) failed, $(count notExecuted) skipped"
exit "$status"
