using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.InProcess;

/// <content>Reads.</content>
internal sealed partial class InProcessCheckpointCache
{
    private const int ListChunk = 256;
    private readonly SortedSet<string> _names = new(Comparer<string>.Create(ListPosition.CompareUtf8));

    /// <inheritdoc />
    public Task<CacheRead> LoadAsync(CheckpointKey key, CancellationToken cancellationToken) => Run(
        () =>
        {
            if (!_executions.TryGetValue(key.ExecutionId, out var execution))
            {
                return default;
            }

            if (execution.Streams.TryGetValue(key.Namespace, out var stream) && stream.TryGet(key.Id, out var sequence, out var checkpoint))
            {
                Touch(stream);
                return new CacheRead(CacheReadStatus.Found, new CachedCheckpoint(sequence, checkpoint.Record));
            }

            var tombstone = execution.DeletedUpTo(key.Namespace, key.Id);
            return tombstone > execution.Left
                ? new CacheRead(CacheReadStatus.Deleted, new CachedCheckpoint(tombstone, default))
                : default;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<CacheRead> LoadLatestAsync(string executionId, string ns, CancellationToken cancellationToken) => Run(
        () =>
        {
            if (Find(executionId, ns) is not { Latest: { } latest } stream || !stream.TryGet(latest.Id, out var sequence, out var checkpoint))
            {
                return default;
            }

            Touch(stream);
            return new CacheRead(CacheReadStatus.Found, new CachedCheckpoint(sequence, checkpoint.Record));
        },
        cancellationToken);

    /// <inheritdoc />
    public async Task<CachePage> ListAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        var found = new CachePageBuilder(query, maxBytes);
        while (true)
        {
            // Taken in parts, so that nobody waits for the lock while a filter reads records.
            var part = await Run(() => Take(query, after), cancellationToken);
            foreach (var (_, checkpoint) in part)
            {
                if (!found.TryAdd(checkpoint))
                {
                    return found.Build();
                }
            }

            if (part.Count < ListChunk)
            {
                return found.Build();
            }

            after = part[^1].Position;
        }
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<CacheMark?>> GetMarksAsync(
        string executionId, IReadOnlyList<(string Namespace, string Id)> keys, CancellationToken cancellationToken) => Run<IReadOnlyList<CacheMark?>>(
        () =>
        {
            var execution = _executions.GetValueOrDefault(executionId);
            return [.. keys.Select(key => MarkOf(execution, key.Namespace, key.Id))];
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<long?> GetClearAsync(string executionId, CancellationToken cancellationToken) => Run<long?>(
        () => _executions.GetValueOrDefault(executionId)?.SequenceOf(CachedExecution.All) is > 0 and var clear ? clear : null,
        cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<string>> ListExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) => Run<IReadOnlyList<string>>(
        () =>
        {
            var from = after is not null && ListPosition.CompareUtf8(after, prefix) > 0 ? after : prefix;
            return _names.Max is not { } last || ListPosition.CompareUtf8(from, last) > 0
                ? []
                : [.. _names.GetViewBetween(from, last)
                    .TakeWhile(name => name.StartsWith(prefix, StringComparison.Ordinal))
                    .Where(name => name != after)
                    .Take(limit)];
        },
        cancellationToken);

    private static CacheMark? MarkOf(CachedExecution? execution, string ns, string id)
    {
        if (execution is null)
        {
            return null;
        }

        var tombstone = execution.DeletedUpTo(ns, id);
        if (execution.Streams.TryGetValue(ns, out var stream) && stream.TryGet(id, out var sequence, out _) && sequence > tombstone)
        {
            return new CacheMark(sequence, false);
        }

        return tombstone > 0 ? new CacheMark(tombstone, true) : null;
    }

    private List<(ListPosition Position, CachedCheckpoint Checkpoint)> Take(CheckpointQuery query, ListPosition? after)
    {
        if (!_executions.TryGetValue(query.ExecutionId, out var execution))
        {
            return [];
        }

        var streams = query.Namespace is not { } ns ? [.. execution.Streams.Values]
            : execution.Streams.TryGetValue(ns, out var one) ? new[] { one } : [];
        var places = streams.SelectMany(stream => stream.Range(query, after, ListChunk).Select(position => (Position: position, Stream: stream)));
        var ordered = query.OldestFirst ? places.OrderBy(place => place.Position) : places.OrderByDescending(place => place.Position);
        var part = new List<(ListPosition, CachedCheckpoint)>();
        foreach (var (position, stream) in ordered.Take(ListChunk))
        {
            stream.TryGet(position.Id, out var sequence, out var checkpoint);
            part.Add((position, new CachedCheckpoint(sequence, checkpoint.Record)));
        }

        return part;
    }
}
