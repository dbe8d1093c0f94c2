#!/usr/bin/env bash
# Replaces the workers and the application of an older build by those of this one, under load, and compares what was
# acknowledged with what is archived (Worker.Tests/Faults/RollingUpgrade.cs). Argument: the older revision.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
from=${1:?usage: make upgrade FROM=REVISION}
infra/install.sh servers
older=$(mktemp -d)
finish() {
  git worktree remove --force "$older/source" 2> /dev/null || true
  rm -rf "$older"
}
trap finish EXIT
git worktree add --quiet --detach "$older/source" "$from"
dotnet build -c Release "$older/source/Worker.Tests" --nologo -v quiet
dotnet build -c Release Worker.Tests --nologo -v quiet
dotnet Worker.Tests/bin/Release/net10.0/AsyncCheckpoints.Worker.Tests.dll upgrade "$older/source/Worker.Tests/bin/Release/net10.0"
