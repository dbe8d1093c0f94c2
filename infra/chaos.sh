#!/usr/bin/env bash
# The long soak: random faults from a seed under load, then ledger, archive, Redis and events are compared.
#   infra/chaos.sh [SEED [MINUTES]]     a run with the same seed injects the same faults in the same order
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
infra/install.sh servers
seed=${1:-$RANDOM}
minutes=${2:-10}
echo "seed $seed, $minutes minutes"
dotnet build -c Release --nologo -v quiet
exec dotnet Worker.Tests/bin/Release/net10.0/AsyncCheckpoints.Worker.Tests.dll chaos "$seed" "$minutes"
