using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>This installation's cache: Redis.</summary>
internal sealed class CacheSource(CacheLink cache, int maxStateBytes) : ICheckpointSource
{
    public bool IsPartial => true;

    public async Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) =>
        await cache.CallAsync(
            static (cache, call, cancellationToken) => cache.ListExecutionsAsync(call.Prefix, call.After, call.Limit, cancellationToken),
            (Prefix: prefix, After: after, Limit: limit),
            cancellationToken);

    public async Task<SourcePage> FindAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        CachePage page;
        try
        {
            page = await cache.CallAsync(
                static (cache, call, cancellationToken) => cache.ListAsync(call.Query, call.After, call.MaxBytes, cancellationToken),
                (Query: query, After: after, MaxBytes: maxBytes),
                cancellationToken);
        }
        catch (CheckpointFormatException e)
        {
            // Something else lies where the execution should, and it is not what ends a job.
            return new SourcePage([], [new JobFinding("unreadable", query.ExecutionId, e.Message)], after, false);
        }

        var items = new List<Checkpoint>(page.Items.Count);
        var problems = new List<JobFinding>();
        var bytes = 0L;
        foreach (var (i, cached) in page.Items.Index())
        {
            var count = items.Count;
            after = Read(query, cached, items, problems);

            // A record may be compressed: the states count too.
            bytes += items.Count > count ? items[^1].State.Length : 0;
            if (bytes >= maxBytes && i < page.Items.Count - 1)
            {
                return new SourcePage(items, problems, after, true);
            }
        }

        return new SourcePage(items, problems, after, page.HasMore);
    }

    public async Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken)
    {
        var read = await ReadAsync(key, cancellationToken);
        return read.Status == CacheReadStatus.Found
            ? CheckpointCodec.Decode(read.Checkpoint.Record, read.Checkpoint.Sequence, maxStateBytes)
            : null;
    }

    public async Task<bool> IsUnderWayAsync(CheckpointKey key, CancellationToken cancellationToken)
    {
        var read = await ReadAsync(key, cancellationToken);
        PendingMark[] marks = read.Status switch
        {
            CacheReadStatus.Found => [new(PendingKind.Save, key, read.Checkpoint.Sequence, default)],
            CacheReadStatus.Deleted =>
            [
                new(PendingKind.Delete, key, read.Checkpoint.Sequence, default),
                new(PendingKind.Clear, new CheckpointKey(key.ExecutionId, "", ""), read.Checkpoint.Sequence, default),
            ],
            _ => [],
        };
        foreach (var mark in marks)
        {
            if (await cache.CallAsync(static (cache, mark, cancellationToken) => cache.IsPendingAsync(mark, cancellationToken), mark, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }

    public Task<IReadOnlyList<Tombstone>> FindTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Tombstone>>([]);

    public Task<long?> CountAsync(ScanArguments arguments, CancellationToken cancellationToken) => Task.FromResult<long?>(null);

    public ValueTask DisposeAsync() => default;

    private Task<CacheRead> ReadAsync(CheckpointKey key, CancellationToken cancellationToken) =>
        cache.CallAsync(static (cache, key, cancellationToken) => cache.LoadAsync(key, cancellationToken), key, cancellationToken);

    private ListPosition Read(CheckpointQuery query, CachedCheckpoint cached, List<Checkpoint> items, List<JobFinding> problems)
    {
        // Behind whatever else has the same sequence, should even the key be unreadable.
        var position = new ListPosition(cached.Sequence, char.ConvertFromUtf32(0x10FFFF), "");
        var subject = $"{query.ExecutionId}, sequence {cached.Sequence}";
        try
        {
            var fields = CheckpointCodec.Parse(cached.Record);
            if (fields.ExecutionId == query.ExecutionId && fields.Id.Length > 0)
            {
                position = new ListPosition(cached.Sequence, fields.Namespace, fields.Id);
                subject = $"{new CheckpointKey(query.ExecutionId, fields.Namespace, fields.Id)}";
            }

            items.Add(query.IncludeState
                ? CheckpointCodec.Decode(fields, cached.Sequence, maxStateBytes)
                : CheckpointCodec.DecodeHeader(fields, cached.Sequence, maxStateBytes));
        }
        catch (CheckpointFormatException e)
        {
            problems.Add(new JobFinding("unreadable", subject, e.Message));
        }

        return position;
    }
}
