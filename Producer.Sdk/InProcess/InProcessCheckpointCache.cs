using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.InProcess;

/// <summary>
/// The cache of the embedded worker, in this process. Thread-safe by one lock. What has expired goes with the calls that
/// follow; when it holds more than its bound, the least recently used streams of which nothing is pending go.
/// </summary>
internal sealed partial class InProcessCheckpointCache : ICheckpointCache
{
    /// <summary>The default bound: 256 MiB.</summary>
    public const long DefaultMaxBytes = 256L * 1024 * 1024;

    private const int TrimAtSave = 8;
    private const int TrimAtSettle = 1000;

    private readonly TimeProvider _time;
    private readonly long _maxBytes;
    private readonly Lock _gate = new();
    private Floor? _floor;
    private readonly Dictionary<string, CachedExecution> _executions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Owner, long Until)> _leases = new(StringComparer.Ordinal);

    /// <summary>Makes an empty cache.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="shardCount">The number of shards; at least 1.</param>
    /// <param name="maxBytes">About how much it keeps of what is not pending, in bytes; at least 1.</param>
    public InProcessCheckpointCache(TimeProvider time, int shardCount = 16, long maxBytes = DefaultMaxBytes)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(shardCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        _time = time;
        _maxBytes = maxBytes;
        _marks = new SortedSet<PendingMark>[shardCount];
        for (var shard = 0; shard < shardCount; shard++)
        {
            _marks[shard] = new SortedSet<PendingMark>(OldestFirst);
        }
    }

    /// <inheritdoc />
    public int ShardCount => _marks.Length;

    /// <inheritdoc />
    public int Interruptions => 0;

    private long Now => Math.Max(
        CheckpointCodec.ToMicroseconds(_time.GetUtcNow()),
        Volatile.Read(ref _floor) is { } floor ? floor.Microseconds + (long)_time.GetElapsedTime(floor.Timestamp).TotalMicroseconds : 0);

    /// <inheritdoc />
    public Task InitializeAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Has its clock go on from a time until the machine's has caught up: that was set back while nothing ran here.
    /// </summary>
    /// <param name="time">The time.</param>
    public void GoOnFrom(DateTimeOffset time) => Volatile.Write(ref _floor, new Floor(CheckpointCodec.ToMicroseconds(time), _time.GetTimestamp()));

    /// <inheritdoc />
    public Task<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) =>
        Run(() => CheckpointCodec.FromMicroseconds(Now), cancellationToken);

    /// <inheritdoc />
    public Task<CacheSave> SaveAsync(
        EncodedCheckpoint checkpoint, long proposedSequence, CacheRetention policy, string? expectedLatestId, CancellationToken cancellationToken) => Run(
        () =>
        {
            var (executionId, ns, id) = checkpoint.Key;
            var stream = Find(executionId, ns);
            if (stream is not null && stream.TryGet(id, out var known, out var old) && old.ContentHash.Span.SequenceEqual(checkpoint.ContentHash.Span))
            {
                return new CacheSave(known, true, false, null);
            }

            if (expectedLatestId is not null && expectedLatestId != (stream?.Latest?.Id ?? ""))
            {
                return new CacheSave(0, false, true, stream?.Latest?.Id);
            }

            stream ??= Open(executionId, ns);
            stream.Policy = policy;
            var sequence = Math.Max(proposedSequence, stream.Last + 1);
            Store(stream, checkpoint, sequence, pending: true);
            return new CacheSave(sequence, false, false, null);
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<CachePut> PutAsync(
        EncodedCheckpoint checkpoint, long sequence, CacheRetention policy, bool pending, CancellationToken cancellationToken) => Run(
        () =>
        {
            var (executionId, ns, id) = checkpoint.Key;
            if (_executions.TryGetValue(executionId, out var execution) && execution.DeletedUpTo(ns, id) >= sequence)
            {
                return CachePut.Discarded;
            }

            var stream = Find(executionId, ns);
            var isHere = false;
            var newest = true;
            if (stream is not null)
            {
                isHere = stream.TryGet(id, out var known, out _);
                newest = stream.Latest?.Sequence < sequence;
                if (isHere && known >= sequence)
                {
                    return CachePut.Ignored;
                }

                if (!(pending || isHere || newest || stream.First?.Sequence < sequence))
                {
                    execution?.Leave(sequence);
                    return CachePut.Ignored;
                }
            }

            // Who repairs may not know the stream's policy.
            var knowsPolicy = stream is null || !policy.KeepsAll;
            stream ??= Open(executionId, ns);
            stream.Policy = newest && knowsPolicy ? policy : stream.Policy;
            Store(stream, checkpoint, sequence, pending);
            return CachePut.Taken;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<bool> TryLeaseAsync(string name, string owner, TimeSpan duration, CancellationToken cancellationToken) => Run(
        () =>
        {
            var now = Now;
            if (_leases.TryGetValue(name, out var lease) && lease.Owner != owner && lease.Until > now)
            {
                return false;
            }

            _leases[name] = (owner, Until(now, duration));
            return true;
        },
        cancellationToken);

    private static long Until(long now, TimeSpan duration) => now + Math.Max(1, (long)duration.TotalMicroseconds);

    private Task<T> Run<T>(Func<T> step, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(cancellationToken);
        }

        lock (_gate)
        {
            Sweep();
            return Task.FromResult(step());
        }
    }

    private CachedExecution Enter(string executionId)
    {
        if (!_executions.TryGetValue(executionId, out var execution))
        {
            _executions[executionId] = execution = new CachedExecution(executionId, ShardHash.Of(executionId, ShardCount));
        }

        return execution;
    }

    private CachedStream? Find(string executionId, string ns) =>
        _executions.TryGetValue(executionId, out var execution) ? execution.Streams.GetValueOrDefault(ns) : null;

    private CachedStream Open(string executionId, string ns)
    {
        var execution = Enter(executionId);
        _names.Add(executionId);
        return execution.Streams[ns] = new CachedStream(execution, ns)
        {
            Last = Math.Max(execution.SequenceOf(CachedExecution.All), execution.HighestDeletions.GetValueOrDefault(ns)),
        };
    }

    private void Store(CachedStream stream, EncodedCheckpoint checkpoint, long sequence, bool pending)
    {
        _bytes -= stream.Bytes;
        stream.Set(checkpoint, sequence);
        _bytes += stream.Bytes;
        stream.Last = Math.Max(stream.Last, sequence);
        if (pending)
        {
            Mark(stream.Execution, new PendingMark(PendingKind.Save, checkpoint.Key, sequence, default));
        }

        Trim(stream, TrimAtSave);
        Refresh(stream);
        Evict();
    }

    private sealed record Floor(long Microseconds, long Timestamp);
}
