#!/usr/bin/env bash
# Starts throw-away servers, runs the tests, stops the servers, prints the totals. Arguments go to `dotnet test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
infra/install.sh
dir=$(mktemp -d)
trap 'infra/servers.sh destroy "$dir/servers"; rm -rf "$dir"' EXIT
chmod o+x "$dir"
infra/servers.sh start "$dir/servers" postgres redis
set -a
# shellcheck disable=SC1091
. "$dir/servers/servers.env"
ASYNCCHECKPOINTS_TEST_POSTGRES=$ConnectionStrings__Postgres
ASYNCCHECKPOINTS_TEST_REDIS=$ConnectionStrings__Redis
set +a
status=0
dotnet test -c Release --nologo --logger "trx;LogFileName=results.trx" --results-directory "$dir/results" "$@" || status=$?
counters=$(grep -o '<Counters [^>]*>' "$dir/results/results.trx" || true)
count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<< "$counters"; }
echo "$(count passed) passed, $(count failed) failed, $(count notExecuted) skipped"
exit "$status"
