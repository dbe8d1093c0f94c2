#!/usr/bin/env bash
# Starts, stops, kills and pauses Redis, RabbitMQ and PostgreSQL servers of their own on free loopback ports.
#
#   infra/servers.sh start   DIR [redis|rabbitmq|postgres ...]   (all three when none is named)
#   infra/servers.sh stop    DIR [NAME ...]
#   infra/servers.sh kill|pause|resume|wipe DIR NAME ...         (wipe: delete the data of a stopped server)
#   infra/servers.sh status  DIR
#   infra/servers.sh port    DIR NAME   reserve a port for NAME and print it
#   infra/servers.sh rabbitmqctl DIR ARGUMENTS ...   administer the broker
#   infra/servers.sh destroy DIR        stop everything and remove DIR
#   infra/servers.sh guard   DIR PID    destroy DIR once the process PID has gone
#
# Data, logs, ports and process ids live below DIR; a server keeps its port over restarts. DIR/servers.env holds the
# connection strings in the form that .NET configuration reads from the environment. Settings by environment:
# REDIS_APPENDFSYNC, REDIS_ARGS, REDIS_ENV, RABBITMQ_EXTRA_CONFIG, POSTGRES_ARGS.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

fail() { echo "servers.sh: $*" >&2; exit 1; }

# Ports. They lie below the range that the kernel gives to outgoing connections, so nothing takes the port of a server
# that is down for a moment. A file named after the port, holding DIR, reserves it while DIR exists.
reservations=${TMPDIR:-/tmp}/asynccheckpoints-ports-$(id -u)

# `make up` with Docker asks for ports on systems that lack flock.
lock() { if command -v flock > /dev/null; then flock "$1"; fi; }

bindable() {
  perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], ReuseAddr => 1)' "$1"
}

reserve_port() {
  local port owner
  mkdir -p "$reservations"
  (
    lock 8
    for _ in $(seq 500); do
      port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
      if [ -s "$reservations/$port" ]; then
        owner=$(cat "$reservations/$port")
        if [ -d "$owner" ]; then continue; fi
      fi
      bindable "$port" || continue
      echo "$dir" > "$reservations/$port"
      echo "$port"
      exit 0
    done
    fail "no free port"
  ) 8> "$reservations/.lock"
}

# The port of NAME in DIR, chosen at the first start.
port_of() {
  local port
  if [ ! -s "$dir/$1.port" ]; then
    port=$(reserve_port)
    echo "$port" > "$dir/$1.port"
  fi
  cat "$dir/$1.port"
}

release_ports() {
  local file port
  for file in "$dir"/*.port; do
    [ -s "$file" ] || continue
    port=$(cat "$file")
    if [ "$(cat "$reservations/$port" 2> /dev/null)" = "$dir" ]; then rm -f "$reservations/$port"; fi
  done
}

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Runs the check of the server WHAT until it succeeds; gives up when the process has ended or a minute has passed.
wait_until() {
  local what=$1 deadline=$((SECONDS + 180)); shift
  until "$@" > /dev/null 2>&1; do
    if gone "$what"; then tail -n 20 "$dir/$what.log" >&2 || true; fail "$what ended at its start"; fi
    if [ "$SECONDS" -ge "$deadline" ]; then tail -n 20 "$dir/$what.log" >&2 || true; fail "$what did not start within 180 s"; fi
    sleep 0.1
  done
}

# Where PostgreSQL's data lie: below DIR, or in a folder that its account can enter.
postgres_data() { if [ -s "$dir/postgres.data" ]; then cat "$dir/postgres.data"; else echo "$dir/postgres"; fi; }

# Whether a process was started for DIR: its working folder is inside, or its environment says so. Process ids are used
# again, after a restart of the machine too.
ours() {
  local cwd
  cwd=$(readlink "/proc/$1/cwd" 2> /dev/null) || true
  case "$cwd" in "$dir"/* | "$(postgres_data)"*) return 0 ;; esac
  { tr '\0' '\n' < "/proc/$1/environ" | grep -qxF "CHECKPOINT_SERVERS_DIR=$dir"; } 2> /dev/null
}

runs() {
  kill -0 "$1" 2> /dev/null || return 1
  case "$(ps -o stat= -p "$1")" in Z* | '') return 1 ;; esac
}

# The process id of NAME, when that process is alive and still ours.
live_pid() {
  local pid
  [ -s "$dir/$1.pid" ] || return 1
  pid=$(cat "$dir/$1.pid")
  runs "$pid" && ours "$pid" || return 1
  echo "$pid"
}

gone() { ! live_pid "$1" > /dev/null; }

# Starts the process of NAME in FOLDER, apart from this script's session, terminal and lock.
launch() {
  local name=$1 folder=$2; shift 2
  ( cd "$folder"; exec setsid "$@" ) >> "$dir/$name.log" 2>&1 < /dev/null 9>&- &
  echo $! > "$dir/$name.pid"
  # Until it is the server it still looks like this script.
  while runs $! && ! ours $!; do sleep 0.01; done
}

# PostgreSQL refuses root.
as_postgres=()
if [ "$(id -u)" = 0 ]; then as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups); fi

start_redis() {
  local port; port=$(port_of redis)
  command -v redis-server > /dev/null || fail "Redis is missing: run infra/install.sh servers"
  mkdir -p "$dir/redis"
  # shellcheck disable=SC2086
  cp "$here/redis.conf" "$dir/redis/redis.conf" # CONFIG REWRITE, also a sentinel's, changes the file.
  launch redis "$dir/redis" env ${REDIS_ENV:-} redis-server "$dir/redis/redis.conf" --dir "$dir/redis" --bind 127.0.0.1 --port "$port" \
    --appendfsync "${REDIS_APPENDFSYNC:-everysec}" --daemonize no ${REDIS_ARGS:-}
  wait_until redis redis_ready "$port"
}
redis_ready() { [ "$(redis-cli -h 127.0.0.1 -p "$1" PING)" = PONG ]; }

start_rabbitmq() {
  local port dist epmd sbin
  port=$(port_of rabbitmq); dist=$(port_of rabbitmq-dist); epmd=$(port_of rabbitmq-epmd)
  sbin=$(find /usr/lib/rabbitmq -path '*/sbin/rabbitmq-server' 2> /dev/null | sort -V | tail -n 1)
  [ -n "$sbin" ] || fail "RabbitMQ is missing: run infra/install.sh servers"
  mkdir -p "$dir/rabbitmq/home"
  {
    cat "$here/rabbitmq.conf"
    printf 'listeners.tcp.1 = 127.0.0.1:%s\nlog.console.level = warning\n%b\n' "$port" "${RABBITMQ_EXTRA_CONFIG:-}"
  } > "$dir/rabbitmq/rabbitmq.conf"
  [ -s "$dir/rabbitmq/enabled_plugins" ] || echo '[].' > "$dir/rabbitmq/enabled_plugins"
  # Erlang's register of nodes: one of our own, else every node on the machine would share one that outlives us.
  if gone epmd; then
    launch epmd "$dir/rabbitmq" "$(command -v epmd)" -port "$epmd" -address 127.0.0.1
    wait_until epmd answers "$epmd"
  fi
  # As under systemd the start script becomes the Erlang machine itself, so its process id is the node's.
  launch rabbitmq "$dir/rabbitmq" env RUNNING_UNDER_SYSTEMD=true HOME="$dir/rabbitmq/home" RABBITMQ_HOME='' \
    RABBITMQ_NODENAME="ac$port@localhost" RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$dist" \
    ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_MNESIA_BASE="$dir/rabbitmq/mnesia" RABBITMQ_LOG_BASE="$dir/rabbitmq/log" RABBITMQ_LOGS=- \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq/rabbitmq" RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/rabbitmq/enabled_plugins" RABBITMQ_PID_FILE="$dir/rabbitmq/node.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}" \
    "$sbin"
  wait_until rabbitmq answers "$port"
}

broker_ctl() {
  HOME="$dir/rabbitmq/home" RABBITMQ_HOME='' ERL_EPMD_PORT=$(cat "$dir/rabbitmq-epmd.port") RABBITMQ_CONF_ENV_FILE=/dev/null \
    "$(find /usr/lib/rabbitmq -path '*/sbin/rabbitmqctl' | sort -V | tail -n 1)" -q -n "ac$(cat "$dir/rabbitmq.port")@localhost" "$@"
}

stop_epmd() { signal TERM epmd; until gone epmd; do sleep 0.02; done; }

postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2> /dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v initdb) || fail "PostgreSQL is missing: run infra/install.sh servers"
  dirname "$found"
}

start_postgres() {
  local port bin data; port=$(port_of postgres); bin=$(postgres_bin)
  [ -s "$dir/postgres.password" ] || ( umask 077; new_password > "$dir/postgres.password" )
  if [ "$(id -u)" = 0 ]; then
    chmod o+x "$dir"
    # A checkout below a private home folder is closed to the account postgres.
    if [ ! -s "$dir/postgres.data" ] && ! "${as_postgres[@]}" test -x "$dir"; then
      mktemp -d /var/lib/postgresql/asynccheckpoints.XXXXXX > "$dir/postgres.data"
    fi
  fi
  data=$(postgres_data)
  mkdir -p "$data"
  if [ "$(id -u)" = 0 ]; then chown postgres "$data"; fi
  if [ ! -s "$data/PG_VERSION" ]; then init_postgres "$bin" "$data"; fi
  # A killed server leaves its lock behind; the number in it may be another process by now.
  rm -f "$data/postmaster.pid"
  # shellcheck disable=SC2086
  launch postgres "$data" ${as_postgres[@]+"${as_postgres[@]}"} "$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 \
    -c "port=$port" -c unix_socket_directories= -c max_connections=200 -c shared_buffers=256MB ${POSTGRES_ARGS:-}
  wait_until postgres psql_do "$port" 'SELECT 1'
  if [ "$(psql_do "$port" "SELECT 1 FROM pg_database WHERE datname = 'checkpoints'")" != 1 ]; then
    psql_do "$port" 'CREATE DATABASE checkpoints' > /dev/null
  fi
}
psql_do() { PGPASSWORD=$(cat "$dir/postgres.password") "$(postgres_bin)/psql" -h 127.0.0.1 -p "$1" -U postgres -tAc "$2"; }
new_password() { perl -e 'open my $r, "<:raw", "/dev/urandom" or die; read $r, my $b, 16; print unpack "H*", $b'; }

init_postgres() {
  local bin=$1 data=$2 secret; secret=$(mktemp)
  cat "$dir/postgres.password" > "$secret"
  if [ "$(id -u)" = 0 ]; then chown postgres "$secret"; fi
  ( cd /; ${as_postgres[@]+"${as_postgres[@]}"} "$bin/initdb" -D "$data" -U postgres --pwfile="$secret" --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C.UTF-8 ) > "$dir/postgres.log" 2>&1 || { rm -f "$secret"; cat "$dir/postgres.log" >&2; fail "initdb failed"; }
  rm -f "$secret"
}

write_env() {
  (
    umask 077
    {
      [ ! -s "$dir/redis.port" ] || echo "ConnectionStrings__Redis='127.0.0.1:$(cat "$dir/redis.port")'"
      [ ! -s "$dir/rabbitmq.port" ] || echo "ConnectionStrings__RabbitMq='amqp://guest:guest@127.0.0.1:$(cat "$dir/rabbitmq.port")/'"
      [ ! -s "$dir/postgres.password" ] || echo "ConnectionStrings__Postgres='Host=127.0.0.1;Port=$(cat "$dir/postgres.port");Username=postgres;Password=$(cat "$dir/postgres.password");Database=checkpoints'"
    } > "$dir/servers.env.new"
  )
  mv "$dir/servers.env.new" "$dir/servers.env"
}

# At the first start another program may take the port before the server does: once more with another.
start_one() {
  local name=$1 attempt fresh=
  [ -s "$dir/$name.port" ] || fresh=yes
  for attempt in 1 2 3; do
    ( "start_$name" ) &
    if wait $!; then return 0; fi
    kill_now "$name"
    if [ -z "$fresh" ] || [ "$attempt" = 3 ] || [ ! -s "$dir/$name.port" ] || bindable "$(cat "$dir/$name.port")"; then return 1; fi
    rm -f "$dir/$name.port"
  done
}

start() {
  local name pids=() failed=0
  for name in "$@"; do
    if gone "$name"; then start_one "$name" & pids+=($!); fi
  done
  for name in ${pids[@]+"${pids[@]}"}; do wait "$name" || failed=1; done
  [ "$failed" = 0 ] || exit 1
  write_env
}

# Signals NAME; PostgreSQL and RabbitMQ stop in order on TERM (PostgreSQL: INT, the fast shutdown).
signal() {
  local pid sent=$1
  pid=$(live_pid "$2") || return 0
  if [ "$1:$2" = TERM:postgres ]; then sent=INT; fi
  kill "-$sent" "$pid" 2> /dev/null || true
}

stop() {
  local name deadline
  for name in "$@"; do signal TERM "$name"; signal CONT "$name"; done
  for name in "$@"; do
    deadline=$((SECONDS + 20))
    until gone "$name"; do
      if [ "$SECONDS" -ge "$deadline" ]; then kill_now "$name"; break; fi
      sleep 0.05
    done
    if [ "$name" = rabbitmq ]; then stop_epmd; fi
  done
}

kill_now() {
  local name
  for name in "$@"; do
    signal KILL "$name"
    until gone "$name"; do sleep 0.02; done
    # A process of many threads counts as gone while the last of them still holds the socket.
    while answers "$(port_of "$name")"; do sleep 0.02; done
    # The postmaster's children see its end by themselves; a start must not meet them.
    if [ "$name" = postgres ]; then
      while children_left; do sleep 0.05; done
    elif [ "$name" = rabbitmq ]; then
      stop_epmd
    fi
  done
}
children_left() {
  local pid data; data=$(postgres_data)
  for pid in $(pgrep '^postgres'); do
    if [ "$(readlink "/proc/$pid/cwd" 2> /dev/null)" = "$data" ]; then return 0; fi
  done
  return 1
}

wipe() {
  local name
  for name in "$@"; do
    gone "$name" || fail "$name runs: stop or kill it first"
    case "$name" in
      redis) rm -rf "$dir/redis" ;;
      rabbitmq) rm -rf "$dir/rabbitmq/mnesia" "$dir/rabbitmq/log" ;;
      # The folder itself may be the one in postgres.data.
      postgres) find "$(postgres_data)" -mindepth 1 -delete ;;
    esac
  done
}

destroy() {
  stop redis rabbitmq postgres
  release_ports
  if [ -s "$dir/postgres.data" ]; then rm -rf "$(cat "$dir/postgres.data")"; fi
  rm -rf "$dir"
}

# Seconds since boot at which a process started, which tells it from a later one with the same number.
born() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20; }

guard_loop() {
  local pid=$1 born=$2
  while [ -d "$dir" ] && runs "$pid" && [ "$(born "$pid")" = "$born" ]; do sleep 1; done
}

# One command at a time on a DIR: a guard must not destroy what is just being started.
locked() {
  exec 9> "$dir/.lock"
  lock 9
  [ -e "$dir/.lock" ] || fail "$dir was destroyed"
  "$@"
}

known() {
  local name
  for name in "$@"; do
    case "$name" in redis | rabbitmq | postgres) ;; *) fail "unknown server '$name'" ;; esac
  done
}

[ $# -ge 2 ] || { sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
verb=$1 dir=$2; shift 2
case "$verb" in
  start | port | guard) mkdir -p "$dir" ;;
  *) [ -d "$dir" ] || exit 0 ;;
esac
dir=$(cd "$dir" && pwd -P)
export CHECKPOINT_SERVERS_DIR=$dir
case "$verb" in
  start | stop | status) [ $# -gt 0 ] || set -- redis rabbitmq postgres ;;
esac
case "$verb" in
  start) known "$@"; locked start "$@" ;;
  stop) known "$@"; locked stop "$@" ;;
  kill) known "$@"; locked kill_now "$@" ;;
  wipe) known "$@"; locked wipe "$@" ;;
  pause) known "$@"; for name in "$@"; do signal STOP "$name"; done ;;
  resume) known "$@"; for name in "$@"; do signal CONT "$name"; done ;;
  status) known "$@"; for name in "$@"; do echo "$name $(live_pid "$name" || echo stopped)"; done ;;
  port) locked port_of "$1" ;;
  rabbitmqctl) broker_ctl "$@" ;;
  destroy) locked destroy ;;
  guard) setsid "$here/servers.sh" guard-loop "$dir" "$1" "$(born "$1")" > /dev/null 2>&1 < /dev/null & ;;
  guard-loop) guard_loop "$@"; [ ! -d "$dir" ] || locked destroy ;;
  *) fail "unknown verb '$verb'" ;;
esac
