using StackExchange.Redis;

namespace AsyncCheckpoints.Tests.Caching;

/// <summary>A connection that closes with its scope.</summary>
internal sealed record OwnedConnection(ConnectionMultiplexer Connection) : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await Connection.CloseAsync();
}

internal static class OwnedConnectionExtensions
{
    public static async Task<OwnedConnection> AsOwned(this Task<ConnectionMultiplexer> connecting) => new(await connecting);
}
