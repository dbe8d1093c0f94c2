#!/usr/bin/env bash
# Starts, stops, kills and pauses throw-away Redis, RabbitMQ and PostgreSQL servers on free loopback ports.
#
#   infra/servers.sh start   DIR [redis|rabbitmq|postgres ...]   (all three when none is named)
#   infra/servers.sh stop    DIR [NAME ...]
#   infra/servers.sh kill|pause|resume DIR NAME ...
#   infra/servers.sh status  DIR
#   infra/servers.sh destroy DIR        stop everything and remove DIR
#   infra/servers.sh guard   DIR PID    destroy DIR once the process PID has gone
#
# Data, logs, ports and process ids live below DIR; a server keeps its port over restarts. DIR/servers.env holds the
# connection strings in the form that .NET configuration reads from the environment. Settings by environment:
# REDIS_APPENDFSYNC, REDIS_ARGS, RABBITMQ_EXTRA_CONFIG, POSTGRES_ARGS.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "servers.sh: $*" >&2; exit 1; }

free_port() {
  # The kernel picks; asking it twice for the same port at once is left to the retry of the caller.
  perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen=>1,LocalAddr=>"127.0.0.1",LocalPort=>0)->sockport'
}

# The port of NAME in DIR, chosen at the first start.
port_of() {
  [ -s "$dir/$1.port" ] || free_port > "$dir/$1.port"
  cat "$dir/$1.port"
}

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Runs the check of a server until it succeeds or the deadline passes.
wait_until() {
  local what=$1 deadline=$((SECONDS + 60)); shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 20 "$dir/$what.log" >&2 || true; fail "$what did not start within 60 s"; }
    sleep 0.1
  done
}

# Whether a process was started for DIR: its working folder is inside (PostgreSQL overwrites its environment), or its
# environment says so.
ours() {
  case "$(readlink "/proc/$1/cwd")" in "$dir"/*) return 0 ;; esac
  tr '\0' '\n' 2> /dev/null < "/proc/$1/environ" | grep -qxF "CHECKPOINT_SERVERS_DIR=$dir"
}

# The process id of NAME, when that process is alive and still ours.
live_pid() {
  local pid
  [ -s "$dir/$1.pid" ] || return 1
  pid=$(cat "$dir/$1.pid")
  kill -0 "$pid" 2> /dev/null || return 1
  case "$(ps -o stat= -p "$pid")" in Z*) return 1 ;; esac
  ours "$pid" || return 1
  echo "$pid"
}

gone() { ! live_pid "$1" > /dev/null; }

# As the account that PostgreSQL may run under: it refuses root.
as_postgres() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi; }

postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2> /dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v initdb) || fail "PostgreSQL is missing: run infra/install.sh"
  dirname "$found"
}

start_redis() {
  local port; port=$(port_of redis)
  command -v redis-server > /dev/null || fail "Redis is missing: run infra/install.sh"
  mkdir -p "$dir/redis"
  # shellcheck disable=SC2086
  setsid redis-server --dir "$dir/redis" --bind 127.0.0.1 --port "$port" --appendonly yes \
    --appendfsync "${REDIS_APPENDFSYNC:-everysec}" --save '' --maxmemory-policy noeviction --daemonize no \
    ${REDIS_ARGS:-} > "$dir/redis.log" 2>&1 < /dev/null &
  echo $! > "$dir/redis.pid"
  wait_until redis redis_ready "$port"
}
redis_ready() { [ "$(redis-cli -p "$1" PING)" = PONG ]; }

start_rabbitmq() {
  local port dist epmd node extra="${RABBITMQ_EXTRA_CONFIG:-}"
  port=$(port_of rabbitmq); dist=$(port_of rabbitmq-dist); epmd=$(port_of rabbitmq-epmd)
  local sbin; sbin=$(find /usr/lib/rabbitmq -path '*/sbin/rabbitmq-server' 2> /dev/null | sort -V | tail -n 1)
  [ -n "$sbin" ] || fail "RabbitMQ is missing: run infra/install.sh"
  node="ac$port@localhost"
  mkdir -p "$dir/rabbitmq/home"
  printf 'listeners.tcp.1 = 127.0.0.1:%s\nloopback_users.guest = true\nlog.console.level = warning\n%b\n' "$port" "$extra" > "$dir/rabbitmq/rabbitmq.conf"
  [ -s "$dir/rabbitmq/enabled_plugins" ] || echo '[].' > "$dir/rabbitmq/enabled_plugins"
  if ! answers "$epmd"; then
    ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd setsid "$(command -v epmd)" -port "$epmd" -address 127.0.0.1 > "$dir/epmd.log" 2>&1 < /dev/null &
    echo $! > "$dir/epmd.pid"
    wait_until epmd answers "$epmd"
  fi
  HOME="$dir/rabbitmq/home" RABBITMQ_HOME='' RABBITMQ_NODENAME=$node RABBITMQ_NODE_PORT=$port RABBITMQ_DIST_PORT=$dist \
    ERL_EPMD_PORT=$epmd ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_MNESIA_BASE="$dir/rabbitmq/mnesia" RABBITMQ_LOG_BASE="$dir/rabbitmq/log" RABBITMQ_LOGS=- \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq/rabbitmq" RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/rabbitmq/enabled_plugins" RABBITMQ_PID_FILE="$dir/rabbitmq/node.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}" \
    setsid "$sbin" > "$dir/rabbitmq.log" 2>&1 < /dev/null &
  rm -f "$dir/rabbitmq.pid"
  wait_until rabbitmq rabbitmq_ready "$port"
}
# The start script ends up as the Erlang machine, under itself or a child: the node is the beam process that is ours.
rabbitmq_ready() {
  answers "$1" || return 1
  local pid
  for pid in $(pgrep '^beam'); do
    if ours "$pid"; then echo "$pid" > "$dir/rabbitmq.pid"; return 0; fi
  done
  return 1
}

start_postgres() {
  local port bin; port=$(port_of postgres); bin=$(postgres_bin)
  [ -s "$dir/postgres.password" ] || { set +o pipefail; tr -dc 'a-zA-Z0-9' < /dev/urandom | head -c 24 > "$dir/postgres.password"; set -o pipefail; }
  if [ "$(id -u)" = 0 ]; then chmod o+x "$dir"; fi
  if [ ! -s "$dir/postgres/PG_VERSION" ]; then
    mkdir -p "$dir/postgres"
    cp "$dir/postgres.password" "$dir/postgres.pw"
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir/postgres" "$dir/postgres.pw"; fi
    as_postgres "$bin/initdb" -D "$dir/postgres" -U postgres --pwfile="$dir/postgres.pw" --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C.UTF-8 > "$dir/postgres.log" 2>&1 || { cat "$dir/postgres.log" >&2; fail "initdb failed (can the account postgres enter every folder above $dir?)"; }
    rm -f "$dir/postgres.pw"
  fi
  : >> "$dir/postgres.log"
  # shellcheck disable=SC2086
  as_postgres setsid "$bin/postgres" -D "$dir/postgres" -c listen_addresses=127.0.0.1 -c "port=$port" \
    -c "unix_socket_directories=" -c max_connections=200 -c shared_buffers=256MB ${POSTGRES_ARGS:-} \
    >> "$dir/postgres.log" 2>&1 < /dev/null &
  echo $! > "$dir/postgres.pid"
  wait_until postgres postgres_ready "$port"
  PGPASSWORD=$(cat "$dir/postgres.password") "$bin/psql" -h 127.0.0.1 -p "$port" -U postgres -tAc \
    "SELECT 1 FROM pg_database WHERE datname = 'checkpoints'" | grep -q 1 ||
    PGPASSWORD=$(cat "$dir/postgres.password") "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres checkpoints
}
postgres_ready() { PGPASSWORD=$(cat "$dir/postgres.password") "$(postgres_bin)/psql" -h 127.0.0.1 -p "$1" -U postgres -tAc 'SELECT 1'; }

write_env() {
  {
    [ ! -s "$dir/redis.port" ] || echo "ConnectionStrings__Redis='127.0.0.1:$(cat "$dir/redis.port")'"
    [ ! -s "$dir/rabbitmq.port" ] || echo "ConnectionStrings__RabbitMq='amqp://guest:guest@127.0.0.1:$(cat "$dir/rabbitmq.port")/'"
    [ ! -s "$dir/postgres.port" ] || echo "ConnectionStrings__Postgres='Host=127.0.0.1;Port=$(cat "$dir/postgres.port");Username=postgres;Password=$(cat "$dir/postgres.password");Database=checkpoints'"
  } > "$dir/servers.env"
}

start() {
  mkdir -p "$dir"
  local name pids=() failed=0
  for name in "$@"; do
    if gone "$name"; then "start_$name" & pids+=($!); fi
  done
  for name in ${pids[@]+"${pids[@]}"}; do wait "$name" || failed=1; done
  [ "$failed" = 0 ] || exit 1
  write_env
}

# Signals NAME; PostgreSQL and RabbitMQ stop in order on TERM (PostgreSQL: INT, the fast shutdown).
signal() {
  local pid; pid=$(live_pid "$2") || return 0
  case "$1:$2" in TERM:postgres) kill -INT "$pid" ;; *) kill "-$1" "$pid" ;; esac
}

stop() {
  local name deadline
  for name in "$@"; do signal CONT "$name"; signal TERM "$name"; done
  for name in "$@"; do
    deadline=$((SECONDS + 20))
    until gone "$name"; do
      [ "$SECONDS" -lt "$deadline" ] || signal KILL "$name"
      sleep 0.05
    done
  done
}

kill_now() {
  local name
  for name in "$@"; do
    signal KILL "$name"
    until gone "$name"; do sleep 0.02; done
    # The postmaster's children see its end by themselves; a start must not meet them.
    if [ "$name" = postgres ]; then
      while children_left; do sleep 0.05; done
      rm -f "$dir/postgres/postmaster.pid"
    fi
  done
}
children_left() {
  local pid
  for pid in $(pgrep '^postgres'); do
    if [ "$(readlink "/proc/$pid/cwd")" = "$dir/postgres" ]; then return 0; fi
  done
  return 1
}

stop_epmd() {
  local pid; [ -s "$dir/epmd.pid" ] || return 0
  pid=$(cat "$dir/epmd.pid")
  if ours "$pid"; then kill "$pid" || true; fi
  rm -f "$dir/epmd.pid"
}

destroy() {
  [ -d "$dir" ] || return 0
  stop redis rabbitmq postgres
  stop_epmd
  rm -rf "$dir"
}

[ $# -ge 2 ] || { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
verb=$1; mkdir -p "$(dirname "$2")"; dir=$(cd "$(dirname "$2")" && pwd)/$(basename "$2"); shift 2
export CHECKPOINT_SERVERS_DIR=$dir
case "$verb" in
  start) [ $# -gt 0 ] || set -- redis rabbitmq postgres; start "$@" ;;
  stop) if [ $# -gt 0 ]; then stop "$@"; else stop redis rabbitmq postgres; stop_epmd; fi ;;
  kill) kill_now "$@" ;;
  pause) for name in "$@"; do signal STOP "$name"; done ;;
  resume) for name in "$@"; do signal CONT "$name"; done ;;
  status) for name in redis rabbitmq postgres; do echo "$name $(live_pid "$name" || echo stopped)"; done ;;
  destroy) destroy ;;
  guard) setsid "$here/servers.sh" guard-loop "$dir" "$1" > /dev/null 2>&1 < /dev/null & ;;
  guard-loop) while [ -d "$dir" ] && kill -0 "$1" 2> /dev/null; do sleep 1; done; destroy ;;
  *) fail "unknown verb '$verb'" ;;
esac
