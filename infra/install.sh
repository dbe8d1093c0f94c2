#!/usr/bin/env bash
# Installs what is needed from Debian's packages, where it is missing. Needs root for that.
#
#   infra/install.sh            for the tests and the pictures
#   infra/install.sh servers    for what only starts servers: make up, drill, bench, chaos, upgrade
set -euo pipefail

what=${1:-tests}
case "$what" in
  tests | servers) ;;
  *) echo "install.sh: servers, or nothing?" >&2; exit 2 ;;
esac

missing=()
command -v redis-server > /dev/null || missing+=(redis-server)
[ -d /usr/lib/rabbitmq ] || missing+=(rabbitmq-server)
compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || missing+=(postgresql)
command -v curl > /dev/null || missing+=(curl)
command -v sqlite3 > /dev/null || missing+=(sqlite3)
command -v pgrep > /dev/null || missing+=(procps)
command -v perl > /dev/null || missing+=(perl-base)
if [ "$what" = tests ]; then
  command -v chromium > /dev/null || missing+=(chromium)
  command -v promtool > /dev/null || missing+=(prometheus)
  command -v zsh > /dev/null || missing+=(zsh)
  command -v fish > /dev/null || missing+=(fish)
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' > /dev/null || missing+=(faketime)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "install.sh: missing: ${missing[*]}. Install them, run this as root on Debian, or (for make up) start Docker with Compose." >&2
  exit 1
fi

# The packages' own services stay off: the servers that we use are started by infra/servers.sh.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
