using AsyncCheckpoints.Redis;
using StackExchange.Redis;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// langgraphgo's keys in Redis: <c>{prefix}checkpoint:{id}</c>, a JSON text, and
/// <c>{prefix}execution:{id}:checkpoints</c>, a set of ids, or a sorted set of them by version in newer releases. What
/// no index lists is found by its metadata. One server: langgraphgo writes to no cluster, and of one SCAN would show a
/// single node.
/// </summary>
internal sealed class LangGraphGoRedis : IndexedForeignStore
{
    private const int ChunkSize = 200;
    private readonly RedisConnection _redis;
    private readonly string _checkpoints;

    private LangGraphGoRedis(RedisConnection redis, string prefix)
    {
        _redis = redis;
        _checkpoints = $"{prefix}checkpoint:";
    }

    /// <summary>Reads the keys.</summary>
    /// <param name="connectionString">Of StackExchange.Redis.</param>
    /// <param name="prefix">What the keys start with.</param>
    /// <param name="timeout">The longest time of one round trip.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<LangGraphGoRedis> OpenAsync(string connectionString, string prefix, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var store = new LangGraphGoRedis(new RedisConnection(connectionString, timeout), prefix);
        try
        {
            if (await store._redis.CallAsync(IsClusterAsync, cancellationToken))
            {
                throw new JobFailedException("The source is a Redis cluster, which a back-fill from langgraphgo cannot read: copy its keys to a single server.");
            }

            await store.ReadAllAsync($"{prefix}execution:", cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task<IReadOnlyList<(string Locator, byte[]? Json)>> ReadAsync(
        IReadOnlyList<string> locators, CancellationToken cancellationToken)
    {
        // One by one on a multiplexed connection: as fast as MGET.
        var read = new List<(string, byte[]?)>(locators.Count);
        foreach (var chunk in locators.Chunk(ChunkSize))
        {
            var values = await Task.WhenAll(chunk.Select(id => ReadAsync(id, cancellationToken)));
            read.AddRange(chunk.Zip(values));
        }

        return read;
    }

    // Known once it has answered.
    private static async Task<bool> IsClusterAsync(IDatabase db)
    {
        await db.PingAsync();
        return db.Multiplexer.GetEndPoints().Any(endPoint => db.Multiplexer.GetServer(endPoint).ServerType == ServerType.Cluster);
    }

    private async Task<byte[]?> ReadAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return await _redis.CallAsync(db => db.StringGetAsync(_checkpoints + id), cancellationToken);
        }
        catch (CheckpointFormatException)
        {
            return []; // A key of another type; read as a text that is no checkpoint.
        }
    }

    private async Task ReadAllAsync(string executions, CancellationToken cancellationToken)
    {
        var indexed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in await KeysAsync(executions, ":checkpoints", cancellationToken))
        {
            var execution = key[executions.Length..^":checkpoints".Length];
            var ids = await MembersAsync(key, cancellationToken);
            indexed.UnionWith(ids);
            await AddAsync(ids, execution, cancellationToken);
        }

        var rest = (await KeysAsync(_checkpoints, "", cancellationToken)).Select(key => key[_checkpoints.Length..]).Where(id => !indexed.Contains(id));
        await AddAsync(rest, null, cancellationToken);
    }

    // In parts: the index keeps no states, and all of them at once may be more than there is memory.
    private async Task AddAsync(IEnumerable<string> ids, string? execution, CancellationToken cancellationToken)
    {
        foreach (var part in ids.Chunk(ChunkSize))
        {
            foreach (var (id, json) in await ReadAsync(part, cancellationToken))
            {
                Add(id, json, execution);
            }
        }
    }

    private async Task<string[]> MembersAsync(string key, CancellationToken cancellationToken)
    {
        var type = await _redis.CallAsync(db => db.KeyTypeAsync(key), cancellationToken);
        var members = type switch
        {
            RedisType.Set => await _redis.CallAsync(db => db.SetMembersAsync(key), cancellationToken),
            RedisType.SortedSet => await _redis.CallAsync(db => db.SortedSetRangeByRankAsync(key), cancellationToken),
            _ => [],
        };
        var ids = Array.ConvertAll(members, member => (string)member!);
        if (type == RedisType.Set)
        {
            // A set has no order of its own.
            Array.Sort(ids, StringComparer.Ordinal);
        }

        return ids;
    }

    private async Task<IReadOnlyList<string>> KeysAsync(string start, string end, CancellationToken cancellationToken)
    {
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        var pattern = $"{Escape(start)}*{end}";
        var cursor = "0";
        do
        {
            var answer = (RedisResult[])(await _redis.CallAsync(
                db => db.ExecuteAsync("SCAN", cursor, "MATCH", pattern, "COUNT", "1000"), cancellationToken))!;
            cursor = (string)answer[0]!;
            keys.UnionWith((string[])answer[1]!);
        }
        while (cursor != "0");
        return [.. keys];
    }

    private static string Escape(string text) => string.Concat(text.Select(c => c is '*' or '?' or '[' or ']' or '\\' ? $"\\{c}" : $"{c}"));
}
