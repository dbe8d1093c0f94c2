using AsyncCheckpoints.Benchmarks.Measuring;
using StackExchange.Redis;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>StackExchange.Redis by itself, with the settings that our client uses too.</summary>
internal abstract class RawRedis(string name) : IContender
{
    // Of the keys that floors write, with and without a hash tag.
    private const string Pattern = "*floor:*";

    private ConnectionMultiplexer? _redis;

    public string Name => name;

    protected IDatabase Database { get; private set; } = null!;

    protected Lab Lab { get; private set; } = null!;

    public virtual async Task PrepareAsync(Lab lab)
    {
        Lab = lab;
        _redis = await ConnectAsync(lab);
        Database = _redis.GetDatabase();
        await RunAsync();
    }

    public abstract Task<Sample> RunAsync();

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null)
        {
            await DeleteAsync(_redis, Pattern);
            await _redis.CloseAsync();
        }
    }

    /// <summary>Connects.</summary>
    /// <param name="lab">The servers.</param>
    public static Task<ConnectionMultiplexer> ConnectAsync(Lab lab) =>
        ConnectionMultiplexer.ConnectAsync(lab.Servers.Redis + ",allowAdmin=true,syncTimeout=60000");

    /// <summary>
    /// Removes the keys of one contender, also from the append-only file: the next one should not pay for rewriting them.
    /// </summary>
    /// <param name="redis">The connection.</param>
    /// <param name="pattern">Of the keys.</param>
    public static async Task DeleteAsync(ConnectionMultiplexer redis, string pattern)
    {
        var database = redis.GetDatabase();
        var server = redis.GetServer(redis.GetEndPoints()[0]);
        foreach (var keys in server.Keys(pattern: pattern, pageSize: 1000).Chunk(500))
        {
            await database.KeyDeleteAsync(keys);
        }

        await Load.UntilAsync(async () => !await IsRewritingAsync(server), "an earlier rewrite of the append-only file ends");
        await database.ExecuteAsync("BGREWRITEAOF");
        await Load.UntilAsync(async () => !await IsRewritingAsync(server), "the append-only file is rewritten");
    }

    private static async Task<bool> IsRewritingAsync(IServer server) =>
        (await server.InfoAsync("persistence")).SelectMany(section => section)
            .Any(field => field is { Key: "aof_rewrite_in_progress" or "aof_rewrite_scheduled", Value: "1" });
}
