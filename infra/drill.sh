#!/usr/bin/env bash
# The restore drill: fills throw-away servers, backs each part up while saves go on, destroys one part after the other,
# restores it by the commands of docs/OPERATIONS.md, brings back what is newer, verifies, and prints what was lost.
# Ends with 1 when anything differs from what docs/GUARANTEES.md promises.
#
#   infra/drill.sh [COUNT]     saves in each of the rounds of filling (default 2000)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

count=${1:-2000}
worker_dll=${DRILL_WORKER:-$PWD/Worker/bin/Release/net10.0/AsyncCheckpoints.Worker.dll}
dir=$(mktemp -d)
servers=$dir/servers
next=0
rows=$dir/rows
# shellcheck source=infra/worker.sh
. infra/worker.sh

fail() { echo "drill.sh: $*" >&2; exit 1; }
say() { printf '== %s\n' "$*"; }

stop_worker() {
  [ -n "$worker_pid" ] || return 0
  kill "-${1:-TERM}" "$worker_pid" 2> /dev/null || true
  wait "$worker_pid" 2> /dev/null || true
  worker_pid=''
}

# shellcheck disable=SC2317
finish() {
  trap - EXIT INT TERM
  stop_worker KILL
  infra/servers.sh destroy "$servers"
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

checkpoints() { dotnet "$worker_dll" "$@" --url "$worker_url" --json > "$dir/job.json" || { cat "$dir/job.json" >&2; fail "checkpoints $* ended with $?"; }; }

# Saves COUNT checkpoints, 16 at a time: 40 executions, JSON states of half a KiB to 4 KiB, metadata.
fill() {
  perl -e '
    my ($url, $from, $count) = @ARGV;
    for my $i ($from .. $from + $count - 1) {
      my $text = "step $i " . ("lorem ipsum " x (40 + $i * 7919 % 300));
      print "next\n" if $i > $from;
      printf qq(url = "%s/executions/run-%02d/checkpoints/c%07d?node=step-%d&version=%d"\n), $url, $i % 40, $i, $i % 5, $i;
      print qq(request = "PUT"\nheader = "Content-Type: application/json"\nheader = "Checkpoint-Metadata: {\\"i\\":$i}"\n);
      print qq(data-raw = "{\\"step\\":$i,\\"text\\":\\"$text\\"}"\noutput = "/dev/null"\nfail\nsilent\nshow-error\nretry = 20\nretry-all-errors\n);
    }' "$worker_url" "$next" "$count" > "$dir/saves.$next"
  curl --no-progress-meter --parallel --parallel-max 16 --config "$dir/saves.$next" || fail "a save was refused"
}
advance() { next=$((next + count)); }

# Waits until nothing is pending and the archive holds everything that was saved.
settle() {
  local deadline=$((SECONDS + 120)) stats
  until stats=$(curl -fs "$worker_url/stats") && [[ "$stats" == *'"pending":0,'* && "$stats" == *'"outboxPending":0,'* && "$stats" == *"\"archived\":$1,"* ]]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "not settled within 120 s: ${stats:-no answer}"
    sleep 0.2
  done
}

snapshot() { curl -fs "$worker_url/export" | LC_ALL=C sort > "$dir/$1"; }
missing() { snapshot now; LC_ALL=C comm -23 "$dir/truth" "$dir/now" | wc -l; }
# Members of all sorted sets of a pattern: *:z:* are the streams, *:p what is pending.
members() { redis_cli --scan --pattern "$1" | while IFS= read -r key; do redis_cli ZCARD "$key"; done | awk '{ n += $1 } END { print n + 0 }'; }
row() { printf '%s|%s|%s|%s|%s|%s\n' "$@" >> "$rows"; }

[ -n "${DRILL_WORKER:-}" ] || { infra/install.sh servers; dotnet build -c Release --nologo -v quiet Worker; }
# The account of PostgreSQL must be able to enter.
chmod o+x "$dir"
infra/servers.sh guard "$servers" $$
say "Servers start"
REDIS_APPENDFSYNC=always infra/servers.sh start "$servers"
setting() { sed -n "s/^ConnectionStrings__$1='\(.*\)'$/\1/p" "$servers/servers.env"; }
redis=$(setting Redis) rabbitmq=$(setting RabbitMq) postgres=$(setting Postgres)
URL=postgresql://postgres:$(cat "$servers/postgres.password")@${redis%:*}:$(cat "$servers/postgres.port")/checkpoints
redis_cli() { redis-cli -h 127.0.0.1 -p "${redis#*:}" "$@"; }
common=(Checkpoints__ShardCount=16 Worker__RescueAfter=00:00:02 Worker__RescueInterval=00:00:01 Logging__LogLevel__Default=Warning)
full=("${common[@]}" "ConnectionStrings__Redis=$redis" "ConnectionStrings__RabbitMq=$rabbitmq" "ConnectionStrings__Postgres=$postgres")
file=("${common[@]}" "ConnectionStrings__Redis=$redis" "ConnectionStrings__RabbitMq=$rabbitmq" Checkpoints__Prefix=drill-sqlite)

say "PostgreSQL, Redis and RabbitMQ are backed up while saves go on"
start_worker "${full[@]}"
fill; advance
settle "$next"
fill & load=$!
pg_dump --format=custom --schema=checkpoints --file="$dir/checkpoints.dump" "$URL"
redis_cli BGREWRITEAOF > /dev/null
until [[ $(redis_cli INFO persistence) == *aof_rewrite_in_progress:0* && $(redis_cli INFO persistence) == *aof_rewrite_scheduled:0* ]]; do sleep 0.1; done
cp -a "$servers/redis/appendonlydir" "$dir/appendonlydir"
infra/servers.sh rabbitmqctl "$servers" export_definitions "$dir/definitions.json"
wait "$load"; advance
fill; advance
settle "$next"
snapshot truth
total=$(wc -l < "$dir/truth")
[ "$total" = "$next" ] || fail "$next were saved, and the archive has $total"

say "PostgreSQL is lost"
stop_worker
infra/servers.sh kill "$servers" postgres
infra/servers.sh wipe "$servers" postgres
infra/servers.sh start "$servers" postgres
# As a newer program would leave it, to go back from: what its migration added must not be in the way.
psql --quiet --no-psqlrc --dbname="$URL" --command='CREATE SCHEMA checkpoints' \
  --command='CREATE TABLE checkpoints.jobs (job_id text PRIMARY KEY)' --command='CREATE TABLE checkpoints.newer (job_id text REFERENCES checkpoints.jobs)'
PGOPTIONS=--client-min-messages=warning psql --quiet --no-psqlrc --dbname="$URL" --command='DROP SCHEMA IF EXISTS checkpoints CASCADE'
pg_restore --exit-on-error --dbname="$URL" "$dir/checkpoints.dump"
start_worker "${full[@]}"
older=$(missing)
checkpoints backfill cache
settle "$next"
checkpoints verify --against cache
row PostgreSQL pg_dump "$total" "$older" "backfill cache" "$(missing)"

say "Redis is lost"
stop_worker
infra/servers.sh kill "$servers" redis
infra/servers.sh wipe "$servers" redis
mkdir -p "$servers/redis"
cp -a "$dir/appendonlydir" "$servers/redis/appendonlydir"
infra/servers.sh start "$servers" redis
start_worker "${full[@]}"
checkpoints verify
held=$(members '*:z:*')
checkpoints replay cache
settle "$next"
checkpoints verify --against cache
now=$(members '*:z:*')
row Redis "append-only file" "$total" "$((total - held))" "replay cache" "$(($(missing) + total - now))"

say "RabbitMQ is lost with what is on its way, and the worker with what it has in hand"
infra/servers.sh kill "$servers" postgres
fill; advance
waiting=$(members '*:p')
[ "$waiting" -ge "$count" ] || fail "$waiting of $count saves wait while the archive is away"
stop_worker KILL
infra/servers.sh kill "$servers" rabbitmq
infra/servers.sh wipe "$servers" rabbitmq
infra/servers.sh start "$servers" rabbitmq postgres
infra/servers.sh rabbitmqctl "$servers" import_definitions "$dir/definitions.json"
start_worker "${full[@]}"
settle "$next"
checkpoints verify --against cache
row RabbitMQ definitions "$next" "$waiting" "rescue from Redis" "$(($(missing) + next - $(wc -l < "$dir/now")))"
stop_worker

say "SQLite's file is lost"
next=0
start_worker "${file[@]}"
fill; advance
settle "$next"
fill & load=$!
sqlite3 "$dir/data/checkpoints.db" ".backup '$dir/checkpoints.bak'"
wait "$load"; advance
settle "$next"
snapshot truth
total=$(wc -l < "$dir/truth")
stop_worker KILL
rm -f "$dir/data/checkpoints.db" "$dir/data/checkpoints.db-wal" "$dir/data/checkpoints.db-shm"
cp "$dir/checkpoints.bak" "$dir/data/checkpoints.db"
start_worker "${file[@]}"
older=$(missing)
checkpoints backfill cache
settle "$next"
checkpoints verify --against cache
row SQLite .backup "$total" "$older" "backfill cache" "$(missing)"

printf '\n%-11s %-18s %8s %22s  %-18s %5s\n' lost backup saved 'missing when restored' 'brought back by' lost
status=0
while IFS='|' read -r part backup saved older by lost; do
  printf '%-11s %-18s %8s %22s  %-18s %5s\n' "$part" "$backup" "$saved" "$older" "$by" "$lost"
  [ "$lost" = 0 ] || status=1
done < "$rows"
[ "$status" = 0 ] || fail "something is lost"
printf '\nNothing is lost. Archive and Redis lost together: what is newer than both backups (the column "missing when restored") would be.\n'
