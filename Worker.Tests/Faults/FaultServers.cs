using AsyncCheckpoints.Tests.Servers;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// Servers that the fault tests kill, one test at a time; each leaves them running. They have nothing in common with
/// those of the other tests.
/// </summary>
public sealed class FaultServers : IAsyncLifetime
{
    internal ServerSet Set { get; private set; } = null!;

    public async Task InitializeAsync() =>
        Set = await ServerSet.StartAsync(ServerKind.All, new ServerSettings { RedisAppendFsync = "always" });

    public async Task DisposeAsync() => await Set.DisposeAsync();
}
