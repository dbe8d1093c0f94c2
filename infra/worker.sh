# shellcheck shell=bash disable=SC2154
# A worker in a throw-away folder. demo.sh and drill.sh source this; they set dir and worker_dll, and have fail.
worker_pid='' worker_url=''
worker_start_seconds=60

# Starts a worker with settings NAME=VALUE ... on a port that the kernel picks, and waits until it is ready; sets worker_pid
# and worker_url.
start_worker() {
  local log=$dir/worker.log deadline=$((SECONDS + worker_start_seconds))
  : > "$log"
  (cd "$dir" && exec env ASPNETCORE_URLS=http://127.0.0.1:0 Worker__DataPath="$dir/data" "$@" dotnet "$worker_dll") > "$log" 2>&1 < /dev/null &
  worker_pid=$!
  until worker_url=$(sed -n 's|.*Listening on \(http://[^ ]*\).*|\1|p' "$log" | head -n 1) && [ -n "$worker_url" ] &&
    curl -fs -o /dev/null "$worker_url/health/ready"; do
    kill -0 "$worker_pid" 2> /dev/null || { cat "$log" >&2; fail "the worker ended"; }
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 30 "$log" >&2; fail "the worker was not ready within $worker_start_seconds s"; }
    sleep 0.1
  done
}
