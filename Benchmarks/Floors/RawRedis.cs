using AsyncCheckpoints.Benchmarks.Measuring;
using StackExchange.Redis;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>StackExchange.Redis by itself, with the settings that our client uses too.</summary>
internal abstract class RawRedis(string name) : IContender
{
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
            await DeleteAsync(_redis, "floor:*");
            await _redis.CloseAsync();
        }
    }

    /// <summary>Connects.</summary>
    /// <param name="lab">The servers.</param>
    public static async Task<ConnectionMultiplexer> ConnectAsync(Lab lab)
    {
        var redis = await ConnectionMultiplexer.ConnectAsync(lab.Servers.Redis + ",allowAdmin=true,syncTimeout=60000");
        redis.PreserveAsyncOrder = false;
        return redis;
    }

    /// <summary>Removes the keys of one contender.</summary>
    /// <param name="redis">The connection.</param>
    /// <param name="pattern">Of the keys.</param>
    public static async Task DeleteAsync(ConnectionMultiplexer redis, string pattern)
    {
        var database = redis.GetDatabase();
        foreach (var keys in redis.GetServer(redis.GetEndPoints()[0]).Keys(pattern: pattern, pageSize: 1000).Chunk(500))
        {
            await database.KeyDeleteAsync(keys);
        }
    }
}
