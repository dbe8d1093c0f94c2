#!/usr/bin/env bash
# Starts and stops the Redis, RabbitMQ and PostgreSQL that a developer's worker uses. With Docker Compose where an engine
# answers, else from Debian's packages. Ports and passwords are kept in .services, data too (Docker: in
# volumes); they survive `down`.
#
#   infra/services.sh up|down
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

state=$PWD/.services
project=asynccheckpoints-$(printf '%s' "$PWD" | cksum | cut -d ' ' -f 1)

fail() { echo "services.sh: $*" >&2; exit 1; }

docker_works() { docker info > /dev/null 2>&1 && docker compose version > /dev/null 2>&1; }
compose() { docker compose -p "$project" --env-file "$state/compose.env" -f infra/compose.yaml "$@"; }

new_password() { perl -e 'open my $r, "<:raw", "/dev/urandom" or die; read $r, my $b, 16; print unpack "H*", $b'; }
setting() { sed -n "s/^$1=//p" "$state/compose.env"; }

# Ports and passwords are chosen once: the volumes remember the passwords.
write_compose_env() {
  local redis rabbitmq management postgres
  if [ -s "$state/compose.env" ]; then return; fi
  redis=$(infra/servers.sh port "$state" redis)
  rabbitmq=$(infra/servers.sh port "$state" rabbitmq)
  management=$(infra/servers.sh port "$state" rabbitmq-management)
  postgres=$(infra/servers.sh port "$state" postgres)
  (
    umask 077
    cat > "$state/compose.env.new" << END
REDIS_PORT=$redis
REDIS_PASSWORD=$(new_password)
RABBITMQ_PORT=$rabbitmq
RABBITMQ_MANAGEMENT_PORT=$management
RABBITMQ_PASSWORD=$(new_password)
POSTGRES_PORT=$postgres
POSTGRES_PASSWORD=$(new_password)
END
  )
  mv "$state/compose.env.new" "$state/compose.env"
}

write_servers_env() {
  (
    umask 077
    cat > "$state/servers.env.new" << END
ConnectionStrings__Redis='127.0.0.1:$(setting REDIS_PORT),password=$(setting REDIS_PASSWORD)'
ConnectionStrings__RabbitMq='amqp://checkpoints:$(setting RABBITMQ_PASSWORD)@127.0.0.1:$(setting RABBITMQ_PORT)/'
ConnectionStrings__Postgres='Host=127.0.0.1;Port=$(setting POSTGRES_PORT);Username=postgres;Password=$(setting POSTGRES_PASSWORD);Database=checkpoints'
END
  )
  mv "$state/servers.env.new" "$state/servers.env"
}

up_docker() {
  docker_works || fail "the data of these services are in Docker's volumes, and no Docker engine answers"
  write_compose_env
  if [ "$(compose ps --status running --quiet | wc -l)" -eq 3 ]; then
    echo "Already running."
  else
    compose up --detach --wait
  fi
  write_servers_env
  echo "RabbitMQ's own pages: http://127.0.0.1:$(setting RABBITMQ_MANAGEMENT_PORT), account checkpoints, password in .services/compose.env"
}

up_local() {
  local status
  infra/install.sh servers
  status=$(infra/servers.sh status "$state")
  case "$status" in
    *stopped*) POSTGRES_ARGS="-c min_wal_size=1GB ${POSTGRES_ARGS:-}" infra/servers.sh start "$state" ;;
    *) echo "Already running." ;;
  esac
}

up() {
  mkdir -p "$state"
  # Where the data are decides; the first start chooses.
  if [ ! -s "$state/mode" ]; then
    if docker_works; then echo docker > "$state/mode"; else echo local > "$state/mode"; fi
  fi
  "up_$(cat "$state/mode")"
  echo "Redis on port $(cat "$state/redis.port"), RabbitMQ on $(cat "$state/rabbitmq.port"), PostgreSQL on $(cat "$state/postgres.port"). Connection strings: .services/servers.env"
}

down() {
  if [ ! -s "$state/mode" ]; then echo "Nothing was started."; return; fi
  case "$(cat "$state/mode")" in
    docker) docker_works || fail "no Docker engine answers"; compose down ;;
    *) infra/servers.sh stop "$state" ;;
  esac
  echo "Stopped. The data stay in $([ "$(cat "$state/mode")" = docker ] && echo "Docker's volumes" || echo .services)."
}

case "${1:-}" in
  up | down) "$1" ;;
  *) fail "up or down?" ;;
esac
