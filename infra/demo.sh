#!/usr/bin/env bash
# An agent works through a real text and saves a checkpoint after each step. In the middle, agent and worker are killed
# with SIGKILL; both are started again, and the agent resumes at its latest checkpoint to the right answer.
#
#   DEMO=embedded   (default) over HTTP, against a worker with queue and cache in memory and SQLite in a throw-away folder
#   DEMO=production over the SDK, on the Redis, RabbitMQ and PostgreSQL of `make up`
#
# Other settings by environment: KILL_AFTER_STEP (default 25), STEP_DELAY_MS (default 40).
# shellcheck disable=SC2119
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=${DEMO:-embedded}
kill_after=${KILL_AFTER_STEP:-25}
delay=${STEP_DELAY_MS:-40}
worker_dll=$PWD/Worker/bin/Release/net10.0/AsyncCheckpoints.Worker.dll
agent_dll=$PWD/samples/Agent/bin/Release/net10.0/AsyncCheckpoints.Samples.Agent.dll
dir=$(mktemp -d)
agent_pid=''
# shellcheck source=infra/worker.sh
. infra/worker.sh

fail() { echo "demo.sh: $*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

# Kills a process of ours, by its id, and waits until it is gone.
kill_now() {
  [ -n "$1" ] || return 0
  kill -KILL "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
}

# shellcheck disable=SC2317
finish() {
  trap - EXIT INT TERM
  kill_now "$agent_pid"
  kill_now "$worker_pid"
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts the agent with its output going to a pipe that is read as it comes; sets agent_pid.
start_agent() {
  rm -f "$dir/agent"
  mkfifo "$dir/agent"
  local target=()
  if [ "$mode" = embedded ]; then target=(--worker "$worker_url"); fi
  dotnet "$agent_dll" ${target[@]+"${target[@]}"} --execution "$execution" --step-delay "$delay" "$@" > "$dir/agent" 2>&1 < /dev/null &
  agent_pid=$!
}

case "$mode" in
  embedded)
    # Whatever the caller's shell points to, this one stands alone.
    unset ConnectionStrings__Redis ConnectionStrings__RabbitMq ConnectionStrings__Postgres
    execution=alice
    ;;
  production)
    make --no-print-directory up
    set -a
    # shellcheck disable=SC1091
    . ./.services/servers.env
    set +a
    # Each run has an execution of its own: what the servers hold stays.
    execution=alice-$(date +%Y%m%dT%H%M%S)-$$
    ;;
  *) fail "DEMO is '$mode'; embedded and production are allowed" ;;
esac

for project in Worker samples/Agent; do
  dotnet build -c Release --nologo "$project" > "$dir/build.log" 2>&1 || { cat "$dir/build.log" >&2; fail "$project does not build"; }
done

say "The right answer, from a run without interruption"
expected=$(dotnet "$agent_dll" --plain | sed -n 's/^Answer: //p')
[ -n "$expected" ] || fail "the agent gave no answer"
echo "$expected"

say "The agent starts ($mode) and will be killed after step $kill_after"
start_worker
echo "worker $worker_pid listens on $worker_url"
start_agent
last_step=0
while IFS= read -r line; do
  echo "agent | $line"
  case "$line" in
    "step "*)
      last_step=${line#step }
      last_step=${last_step%%/*}
      if [ "$last_step" -ge "$kill_after" ]; then break; fi
      ;;
  esac
done < "$dir/agent"
[ "$last_step" -ge "$kill_after" ] || fail "the agent ended before step $kill_after"
kill_now "$agent_pid"
kill_now "$worker_pid"
agent_pid='' worker_pid=''
echo "Killed agent and worker with SIGKILL after step $last_step."

say "Worker and agent start again"
start_worker
echo "worker $worker_pid listens on $worker_url"
start_agent --expect "$expected"
resumed=
while IFS= read -r line; do
  echo "agent | $line"
  case "$line" in
    "Resumed after step "*)
      resumed=${line#Resumed after step }
      resumed=${resumed%%/*}
      ;;
  esac
done < "$dir/agent"
status=0
wait "$agent_pid" || status=$?
agent_pid=''
[ "$status" = 0 ] || fail "the agent ended with $status"
[ -n "$resumed" ] || fail "the agent did not resume"
[ "$resumed" -ge "$last_step" ] || fail "the agent resumed after step $resumed, but step $last_step had been saved"

say "Resumed after step $resumed of a run that was killed after step $last_step, and the answer is that of an uninterrupted run"
