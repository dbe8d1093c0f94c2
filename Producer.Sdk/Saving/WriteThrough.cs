using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// The first leg: writes to the cache, which fixes the sequence, and makes the command for the second. While the cache is
/// away the proposed sequence stands, and the command says that the cache does not have it.
/// </summary>
internal sealed class WriteThrough
{
    private readonly CacheLink _cache;
    private readonly SequenceClock _clock;
    private readonly UncachedStreams _uncached;
    private readonly CheckpointOptions _options;
    private readonly CacheRetention _retention;
    private readonly CachePolicy _policy;

    public WriteThrough(CacheLink cache, SequenceClock clock, UncachedStreams uncached, IOptions<CheckpointOptions> options)
    {
        _cache = cache;
        _clock = clock;
        _uncached = uncached;
        _options = options.Value;
        _retention = _options.Retention;
        _policy = CachePolicies.ToWire(_retention);
    }

    /// <summary>Saves a checkpoint.</summary>
    /// <param name="encoded">The checkpoint, its id and time of creation set.</param>
    /// <param name="sequence">The proposed sequence.</param>
    /// <param name="wanted">The level to reach.</param>
    /// <param name="saveOptions">What to check, if anything.</param>
    /// <param name="room">Its room in the buffer.</param>
    /// <param name="traceParent">The trace context of the call.</param>
    /// <returns>The command, and whether the same content was there already.</returns>
    /// <exception cref="CheckpointConflictException">The expected latest is not the latest.</exception>
    public async Task<(Command Command, bool IsUnchanged)> SaveAsync(
        EncodedCheckpoint encoded, long sequence, Durability wanted, SaveOptions? saveOptions, BufferBudget.Room room, string? traceParent)
    {
        var expected = saveOptions?.ExpectedLatestId;
        var (isCached, isUnchanged) = (true, false);
        try
        {
            var saved = await WriteAsync(encoded, sequence, expected);
            if (saved.Unchanged && _uncached.DeletionOf(encoded.Key) is { } deletion && saved.Sequence <= deletion.Sequence)
            {
                // Redis has not heard of the deletion yet: there is nothing any more that could stay as it is.
                await _cache.CallAsync(
                    static (cache, call, cancellationToken) => DeleteAsync(cache, call.Deletion, isFixed: true, call.Retention, cancellationToken),
                    (Deletion: deletion, Retention: _options.TombstoneRetention),
                    CancellationToken.None);
                saved = await WriteAsync(encoded, sequence, expected);
            }

            if (saved.IsConflict)
            {
                throw new CheckpointConflictException(encoded.Key, expected!, saved.ActualLatestId);
            }

            if (saved.Unchanged && _uncached.IsCacheBehind(encoded.Key, saved.Sequence))
            {
                // What this process saved there since is on its way past Redis, which still has what was there before.
                isCached = expected is null ? await PutAsync(encoded, sequence) : throw Behind(encoded.Key);
                saved = new CacheSave(sequence, false, false, null);
                if (!isCached)
                {
                    _uncached.Add(encoded.Key, sequence);
                }
            }

            _clock.Observe(saved.Sequence);
            (sequence, isUnchanged) = (saved.Sequence, saved.Unchanged);
        }
        catch (CheckpointUnavailableException) when (expected is null)
        {
            _uncached.Add(encoded.Key, sequence);
            isCached = false;
        }

        var command = new Command
        {
            Kind = PendingKind.Save,
            Key = encoded.Key,
            Sequence = sequence,
            IsCached = isCached,
            Wanted = wanted,
            IsStrict = saveOptions?.Strict ?? false,
            Record = encoded.Record,
            Room = room,
            Policy = _policy,
            TraceParent = traceParent ?? "",
        };
        return (command, isUnchanged);
    }

    /// <summary>Deletes a checkpoint, or an execution's.</summary>
    /// <param name="kind">Which of the two.</param>
    /// <param name="key">What to delete.</param>
    /// <param name="wanted">The level to reach.</param>
    /// <param name="room">Its room in the buffer.</param>
    public async Task<Command> DeleteAsync(PendingKind kind, CheckpointKey key, Durability wanted, BufferBudget.Room room)
    {
        var sequence = _clock.Next();
        var isCached = true;
        try
        {
            sequence = await _cache.CallAsync(
                static (cache, call, cancellationToken) => DeleteAsync(cache, call.Deletion, isFixed: false, call.Retention, cancellationToken),
                (Deletion: new UncachedDeletion(kind, key, sequence), Retention: _options.TombstoneRetention),
                CancellationToken.None);
            _clock.Observe(sequence);
        }
        catch (CheckpointUnavailableException)
        {
            _uncached.Add(new UncachedDeletion(kind, key, sequence));
            isCached = false;
        }

        return new Command { Kind = kind, Key = key, Sequence = sequence, IsCached = isCached, Wanted = wanted, Room = room };
    }

    private Task<CacheSave> WriteAsync(EncodedCheckpoint encoded, long sequence, string? expected) => _cache.CallAsync(
        static (cache, call, cancellationToken) => cache.SaveAsync(call.Encoded, call.Sequence, call.Retention, call.Expected, cancellationToken),
        (Encoded: encoded, Sequence: sequence, Retention: _retention, Expected: expected),
        CancellationToken.None);

    /// <summary>Whether the cache took it: it may have heard of something newer meanwhile.</summary>
    private async Task<bool> PutAsync(EncodedCheckpoint encoded, long sequence) => await _cache.CallAsync(
        static (cache, call, cancellationToken) => cache.PutAsync(call.Encoded, call.Sequence, call.Retention, true, cancellationToken),
        (Encoded: encoded, Sequence: sequence, Retention: _retention),
        CancellationToken.None) == CachePut.Taken;

    private static CheckpointUnavailableException Behind(CheckpointKey key) => new(
        $"'{key}' was saved while Redis was away, which has not heard of it yet: the latest is not known.",
        "Save again once the worker has repaired Redis.")
    { Key = key };

    private static Task<long> DeleteAsync(
        ICheckpointCache cache, UncachedDeletion deletion, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken) =>
        deletion.Kind == PendingKind.Clear
            ? cache.ClearAsync(deletion.Key.ExecutionId, deletion.Sequence, isFixed, tombstoneTtl, cancellationToken)
            : cache.DeleteAsync(deletion.Key, deletion.Sequence, isFixed, tombstoneTtl, cancellationToken);
}
