using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// The way of a save: room in the buffer, then Redis (which fixes its sequence), then the broker. What is only buffered
/// passes through a channel; a save that is waited for goes straight to Redis, unless others of this process are still
/// before it in the channel.
/// </summary>
internal sealed class SavePipeline : IAsyncDisposable
{
    private readonly Channel<Intake> _intake = Channel.CreateUnbounded<Intake>(new() { SingleReader = true });
    private readonly CacheLink _cache;
    private readonly CommandSender _sender;
    private readonly BufferBudget _budget;
    private readonly SequenceClock _clock;
    private readonly UncachedStreams _uncached;
    private readonly CheckpointMetrics _metrics;
    private readonly CheckpointOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<SavePipeline> _logger;
    private readonly CacheRetention _retention;
    private readonly CachePolicy _policy;
    private readonly Task _loop;
    private int _inIntake;
    private volatile bool _isStopping;

    public SavePipeline(
        CacheLink cache,
        CommandSender sender,
        BufferBudget budget,
        SequenceClock clock,
        UncachedStreams uncached,
        CheckpointMetrics metrics,
        IOptions<CheckpointOptions> options,
        TimeProvider time,
        ILogger<SavePipeline> logger)
    {
        _cache = cache;
        _sender = sender;
        _budget = budget;
        _clock = clock;
        _uncached = uncached;
        _metrics = metrics;
        _options = options.Value;
        _time = time;
        _logger = logger;
        _retention = _options.Retention;
        _policy = CachePolicies.ToWire(_retention);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Buffers a checkpoint that is valid.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <returns>False when there is no room.</returns>
    public bool TryBuffer(Checkpoint checkpoint)
    {
        if (_isStopping || !_budget.TryReserve(checkpoint.State.Length))
        {
            return false;
        }

        _ = Enter(new Intake(checkpoint, _clock.Next(), Activity.Current?.Id, null, null));
        return true;
    }

    /// <summary>Saves a checkpoint that is valid.</summary>
    /// <param name="checkpoint">The checkpoint, its id and time of creation set.</param>
    /// <param name="options">The level to reach and what to check.</param>
    /// <param name="cancellationToken">Stops waiting; what has started goes on.</param>
    public async Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions options, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        await ReserveAsync(checkpoint.State.Length, cancellationToken);
        var wanted = options.Durability ?? _options.DefaultDurability;
        if (wanted == Durability.Buffered && options.ExpectedLatestId is null)
        {
            _ = Enter(new Intake(checkpoint, _clock.Next(), Activity.Current?.Id, null, null));
            return new SaveResult(checkpoint.Key, 0, Durability.Buffered, false, false);
        }

        var intake = new Intake(checkpoint, _clock.Next(), Activity.Current?.Id, options, new Waiter());
        var save = Volatile.Read(ref _inIntake) == 0 && _cache.IsReady ? ProcessAsync(intake) : Enter(intake);
        try
        {
            var left = _options.SaveTimeout - _time.GetElapsedTime(started);
            return await save.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            return intake.Waiter!.GiveUp(wanted, options.Strict) ?? throw new CheckpointUnavailableException(
                $"'{checkpoint.Key}' did not reach {wanted} within {_options.SaveTimeout}.",
                "It may still complete; saving the same id again is safe.",
                e)
            { Key = checkpoint.Key };
        }
    }

    /// <summary>Deletes one checkpoint, or with an empty id a whole execution.</summary>
    /// <param name="kind">Which of the two.</param>
    /// <param name="key">What to delete.</param>
    /// <param name="durability">The level to reach.</param>
    /// <param name="cancellationToken">Stops waiting; what has started goes on.</param>
    public async Task<Durability> DeleteAsync(PendingKind kind, CheckpointKey key, Durability? durability, CancellationToken cancellationToken)
    {
        var wanted = durability ?? _options.DefaultDurability;
        await ReserveAsync(0, cancellationToken);
        try
        {
            return await ProcessDeletionAsync(kind, key, wanted).WaitAsync(_options.SaveTimeout, _time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new CheckpointUnavailableException($"The deletion of '{key}' did not reach {wanted} within {_options.SaveTimeout}.", null, e) { Key = key };
        }
    }

    /// <summary>Takes no more, and waits until nothing is left.</summary>
    /// <param name="timeout">How long.</param>
    public async Task DrainAsync(TimeSpan timeout)
    {
        _isStopping = true;
        var started = _time.GetTimestamp();
        var count = _budget.Items;
        try
        {
            await _budget.WhenEmptyAsync(CancellationToken.None).WaitAsync(timeout, _time);
            if (count > 0)
            {
                Log.Drained(_logger, count, _time.GetElapsedTime(started).TotalMilliseconds);
            }
        }
        catch (TimeoutException)
        {
            Log.DrainTimedOut(_logger, _budget.Items);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        _intake.Writer.TryComplete();
        await _loop;
    }

    private Task<SaveResult> Enter(Intake intake)
    {
        Interlocked.Increment(ref _inIntake);
        if (!_intake.Writer.TryWrite(intake))
        {
            Interlocked.Decrement(ref _inIntake);
            _budget.Release(intake.Checkpoint.State.Length);
            throw Stopping();
        }

        return intake.Waiter?.Completion.Task ?? Task.FromResult<SaveResult>(null!);
    }

    private async Task RunAsync()
    {
        await foreach (var intake in _intake.Reader.ReadAllAsync())
        {
            if (!_cache.IsReady)
            {
                await PrepareCacheAsync();
            }

            // Not awaited: the calls leave in this order, and Redis keeps it.
            _ = PassOnAsync(intake);
            Interlocked.Decrement(ref _inIntake);
        }
    }

    private async Task PrepareCacheAsync()
    {
        try
        {
            await _cache.CallAsync(static (_, _, _) => Task.FromResult(true), true, CancellationToken.None);
        }
        catch (Exception e) when (e is CheckpointUnavailableException or InvalidOperationException)
        {
            // The save itself meets the same fault, and tells its caller.
        }
    }

    private async Task PassOnAsync(Intake intake)
    {
        try
        {
            var result = await ProcessAsync(intake);
            intake.Waiter?.Completion.TrySetResult(result);
        }
        catch (Exception e)
        {
            if (intake.Waiter is null)
            {
                Log.BufferedSaveFailed(_logger, e);
            }
            else
            {
                intake.Waiter.Completion.TrySetException(e);
                _ = intake.Waiter.Completion.Task.Exception; // Observed: the caller may have stopped waiting.
            }
        }
    }

    private async Task<SaveResult> ProcessAsync(Intake intake)
    {
        var started = _time.GetTimestamp();
        var wanted = intake.Options is null ? Durability.Buffered : intake.Options.Durability ?? _options.DefaultDurability;
        try
        {
            var result = await ReachAsync(intake, wanted);
            _metrics.SaveCompleted(_time.GetElapsedTime(started), intake.Checkpoint.State.Length, wanted, result.Reached);
            return result;
        }
        catch (Exception e)
        {
            _metrics.SaveFailed(_time.GetElapsedTime(started), wanted, e);
            throw;
        }
    }

    private async Task<SaveResult> ReachAsync(Intake intake, Durability wanted)
    {
        Command command;
        CacheSave saved;
        try
        {
            var checkpoint = Complete(intake.Checkpoint);
            var encoded = CheckpointCodec.Encode(checkpoint, _options.CompressAboveBytes ?? int.MaxValue);
            (saved, var isCached) = await SaveToCacheAsync(encoded, intake);
            command = new Command
            {
                Kind = PendingKind.Save,
                Key = checkpoint.Key,
                Sequence = saved.Sequence,
                IsCached = isCached,
                Wanted = wanted,
                IsStrict = intake.Options?.Strict ?? false,
                Record = encoded.Record,
                Room = intake.Checkpoint.State.Length,
                Policy = _policy,
                TraceParent = intake.TraceParent ?? "",
            };
        }
        catch
        {
            _budget.Release(intake.Checkpoint.State.Length);
            throw;
        }

        intake.Waiter?.Follow(command, saved.Unchanged);
        _sender.Enqueue(command);
        var isReached = wanted <= Durability.Cached && command.IsCached;
        var reached = isReached ? Durability.Cached : await command.Reached;
        return new SaveResult(command.Key, command.Sequence, reached, command.IsCached, saved.Unchanged, command.IsSpooled);
    }

    private async Task<(CacheSave Saved, bool IsCached)> SaveToCacheAsync(EncodedCheckpoint encoded, Intake intake)
    {
        var expected = intake.Options?.ExpectedLatestId;
        try
        {
            var saved = await _cache.CallAsync(
                static (cache, call, cancellationToken) =>
                    cache.SaveAsync(call.Encoded, call.Sequence, call.Retention, call.Expected, cancellationToken),
                (Encoded: encoded, intake.Sequence, Retention: _retention, Expected: expected),
                CancellationToken.None);
            if (saved.IsConflict)
            {
                throw new CheckpointConflictException(encoded.Key, expected!, saved.ActualLatestId);
            }

            _clock.Observe(saved.Sequence);
            return (saved, true);
        }
        catch (CheckpointUnavailableException) when (expected is null)
        {
            _uncached.Add(encoded.Key, intake.Sequence);
            return (new CacheSave(intake.Sequence, false, false, null), false);
        }
    }

    private async Task<Durability> ProcessDeletionAsync(PendingKind kind, CheckpointKey key, Durability wanted)
    {
        var sequence = _clock.Next();
        var isCached = true;
        try
        {
            sequence = await _cache.CallAsync(
                static (cache, call, cancellationToken) => call.Kind == PendingKind.Clear
                    ? cache.ClearAsync(call.Key.ExecutionId, call.Sequence, false, call.Retention, cancellationToken)
                    : cache.DeleteAsync(call.Key, call.Sequence, false, call.Retention, cancellationToken),
                (Kind: kind, Key: key, Sequence: sequence, Retention: _options.TombstoneRetention),
                CancellationToken.None);
            _clock.Observe(sequence);
        }
        catch (CheckpointUnavailableException)
        {
            isCached = false;
        }
        catch
        {
            _budget.Release(0);
            throw;
        }

        var command = new Command { Kind = kind, Key = key, Sequence = sequence, IsCached = isCached, Wanted = wanted };
        _sender.Enqueue(command);
        return isCached && wanted <= Durability.Cached ? Durability.Cached : await command.Reached;
    }

    private Checkpoint Complete(Checkpoint checkpoint) => checkpoint.Id.Length > 0 && checkpoint.CreatedAt != default
        ? checkpoint
        : checkpoint with
        {
            Id = checkpoint.Id.Length > 0 ? checkpoint.Id : Guid.CreateVersion7(_time.GetUtcNow()).ToString(),
            CreatedAt = checkpoint.CreatedAt != default ? checkpoint.CreatedAt : _time.GetUtcNow(),
        };

    private async ValueTask ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        if (_isStopping)
        {
            throw Stopping();
        }

        if (_budget.TryReserve(bytes))
        {
            return;
        }

        if (_options.WhenBufferFull == BufferFullMode.Fail)
        {
            throw BufferFull(null);
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.SaveTimeout);
        try
        {
            await _budget.ReserveAsync(bytes, timeout.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw BufferFull(e);
        }
    }

    private CheckpointUnavailableException BufferFull(Exception? inner) => new(
        $"The buffer is full: {_budget.Items} of {_options.MaxBufferedItems} saves, {_budget.Bytes} of {_options.MaxBufferedBytes} bytes.",
        "Redis or the broker is slower than the saves; raise MaxBufferedItems or MaxBufferedBytes, or save less often.",
        inner);

    private static CheckpointUnavailableException Stopping() => new("The client is stopping; it takes no more saves.");

    /// <summary>A save in the channel.</summary>
    private readonly record struct Intake(Checkpoint Checkpoint, long Sequence, string? TraceParent, SaveOptions? Options, Waiter? Waiter);

    /// <summary>Connects a save with the caller that waits for it, who may give up.</summary>
    private sealed class Waiter
    {
        private volatile Command? _command;
        private bool _isUnchanged;

        public TaskCompletionSource<SaveResult> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Follow(Command command, bool isUnchanged)
        {
            _isUnchanged = isUnchanged;
            _command = command;
        }

        /// <summary>Time is over: what holds by now, when that is good enough.</summary>
        public SaveResult? GiveUp(Durability wanted, bool isStrict)
        {
            if (_command is not { } command)
            {
                return null;
            }

            command.Abandon();
            return wanted <= Durability.Queued && !isStrict && command.IsCached
                ? new SaveResult(command.Key, command.Sequence, Durability.Cached, true, _isUnchanged)
                : null;
        }
    }
}
