using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Caching;
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
    // What one save takes besides its state: the encoded record, the command, the call.
    private const int Overhead = 2048;

    // Buffered saves that are on their way to Redis at the same time.
    private const int MaxPassing = 1024;

    private static readonly Checkpoint Nothing = new() { ExecutionId = "-" };

    private readonly Channel<Intake> _intake = Channel.CreateUnbounded<Intake>(new() { SingleReader = true });
    private readonly CacheLink _cache;
    private readonly WriteThrough _writeThrough;
    private readonly CommandSender _sender;
    private readonly BufferBudget _budget;
    private readonly SequenceClock _clock;
    private readonly CheckpointMetrics _metrics;
    private readonly CheckpointOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<SavePipeline> _logger;
    private readonly SharedTimeout _deadline;
    private readonly SemaphoreSlim _passing = new(MaxPassing);
    private readonly Task _loop;
    private int _inIntake;
    private volatile bool _isStopping;

    public SavePipeline(
        CacheLink cache,
        WriteThrough writeThrough,
        CommandSender sender,
        BufferBudget budget,
        SequenceClock clock,
        CheckpointMetrics metrics,
        IOptions<CheckpointOptions> options,
        TimeProvider time,
        ILogger<SavePipeline> logger)
    {
        _cache = cache;
        _writeThrough = writeThrough;
        _sender = sender;
        _budget = budget;
        _clock = clock;
        _metrics = metrics;
        _options = options.Value;
        _time = time;
        _logger = logger;
        _deadline = new SharedTimeout(_options.SaveTimeout, time);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Buffers a checkpoint that is valid.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <returns>False when there is no room.</returns>
    public bool TryBuffer(Checkpoint checkpoint)
    {
        using var activity = CheckpointTracing.IsOn ? CheckpointTracing.StartSave(checkpoint, Durability.Buffered) : null;
        if (_isStopping || _budget.TryReserve(RoomOf(checkpoint)) is not { } room)
        {
            return false;
        }

        if (_isStopping)
        {
            // The drain may have looked before there was something in.
            _budget.Release(room);
            return false;
        }

        _ = Enter(new Intake(checkpoint, room, _clock.Next(), Activity.Current?.Id, null, null));
        return true;
    }

    /// <summary>Saves a checkpoint that is valid.</summary>
    /// <param name="checkpoint">The checkpoint, its id and time of creation set.</param>
    /// <param name="options">The level to reach and what to check.</param>
    /// <param name="cancellationToken">Stops waiting; what has started goes on.</param>
    public Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions options, CancellationToken cancellationToken) => CheckpointTracing.IsOn
        ? SaveTracedAsync(checkpoint, options, cancellationToken)
        : SaveUntracedAsync(checkpoint, options, cancellationToken);

    /// <summary>Deletes one checkpoint, or with an empty id a whole execution.</summary>
    /// <param name="kind">Which of the two.</param>
    /// <param name="key">What to delete.</param>
    /// <param name="durability">The level to reach.</param>
    /// <param name="cancellationToken">Stops waiting; what has started goes on.</param>
    public async Task<Durability> DeleteAsync(PendingKind kind, CheckpointKey key, Durability? durability, CancellationToken cancellationToken)
    {
        var wanted = durability ?? _options.DefaultDurability;
        var room = await ReserveAsync(Overhead, cancellationToken);
        var waiter = new Waiter();
        var deletion = Volatile.Read(ref _inIntake) == 0 && _cache.IsReady
            ? ProcessDeletionAsync(kind, key, wanted, room, waiter)
            : EnterAsync(kind, key, wanted, room, waiter);
        try
        {
            return await deletion.WaitAsync(_options.SaveTimeout, _time, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            waiter.Leave();
            Observe(deletion);
            throw;
        }
        catch (TimeoutException e)
        {
            waiter.Leave();
            Observe(deletion);
            throw new CheckpointUnavailableException($"The deletion of '{key}' did not reach {wanted} within {_options.SaveTimeout}.", null, e) { Key = key };
        }
    }

    /// <summary>Takes no more, and waits until nothing is left.</summary>
    /// <param name="timeout">How long.</param>
    /// <param name="cancellationToken">Ends it earlier.</param>
    public async Task DrainAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        _isStopping = true;

        // Whoever takes room from here on looks at the flag after it, and gives the room back.
        Interlocked.MemoryBarrier();
        var started = _time.GetTimestamp();
        var count = _budget.Items;
        try
        {
            await _budget.WhenEmptyAsync().WaitAsync(timeout, _time, cancellationToken);
            if (count > 0)
            {
                Log.Drained(_logger, count, _time.GetElapsedTime(started).TotalMilliseconds);
            }
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            Log.DrainTimedOut(_logger, _budget.Items);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        _intake.Writer.TryComplete();
        await _loop;
        _passing.Dispose();
    }

    private async Task<SaveResult> SaveTracedAsync(Checkpoint checkpoint, SaveOptions options, CancellationToken cancellationToken)
    {
        using var activity = CheckpointTracing.StartSave(checkpoint, options.Durability ?? _options.DefaultDurability);
        try
        {
            var result = await SaveUntracedAsync(checkpoint, options, cancellationToken);
            activity?.SetTag("asynccheckpoints.durability.reached", CheckpointMetrics.NameOf(result.Reached));
            return result;
        }
        catch (Exception e)
        {
            CheckpointTracing.Fail(activity, e);
            throw;
        }
    }

    private async Task<SaveResult> SaveUntracedAsync(Checkpoint checkpoint, SaveOptions options, CancellationToken cancellationToken)
    {
        var wanted = options.Durability ?? _options.DefaultDurability;
        var room = await ReserveForSaveAsync(checkpoint, wanted, cancellationToken);
        if (wanted == Durability.Buffered && options.ExpectedLatestId is null)
        {
            // The caller's memory is the caller's again once this returns.
            _ = Enter(new Intake(OwnMemoryOf(checkpoint, room), room, _clock.Next(), Activity.Current?.Id, null, null));
            return new SaveResult(checkpoint.Key, 0, Durability.Buffered, false, false);
        }

        var intake = new Intake(checkpoint, room, _clock.Next(), Activity.Current?.Id, options, new Waiter());

        // Encoded before the first wait; in the channel it may outlast its caller, whose memory is its own again after that.
        var save = Volatile.Read(ref _inIntake) == 0 && _cache.IsReady
            ? ProcessAsync(intake)
            : Enter(intake with { Checkpoint = OwnMemoryOf(checkpoint, room) });
        try
        {
            return await (cancellationToken.CanBeCanceled
                ? save.WaitAsync(_options.SaveTimeout, _time, cancellationToken)
                : save.WaitAsync(_deadline.Token));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            intake.Waiter!.Leave();
            Observe(save);
            throw;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            Observe(save);
            return intake.Waiter!.GiveUp(wanted, options.Strict) ?? throw new CheckpointUnavailableException(
                $"'{checkpoint.Key}' did not reach {wanted} within {_options.SaveTimeout}.",
                "It may still complete; saving the same id again is safe.",
                e)
            { Key = checkpoint.Key };
        }
    }

    /// <summary>What nobody waits for any more may still fail.</summary>
    private static void Observe(Task left) => _ = left.ContinueWith(
        static task => task.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    private Checkpoint OwnMemoryOf(Checkpoint checkpoint, BufferBudget.Room room)
    {
        try
        {
            return checkpoint.WithOwnMemory();
        }
        catch
        {
            _budget.Release(room);
            throw;
        }
    }

    private Task<SaveResult> Enter(Intake intake)
    {
        Interlocked.Increment(ref _inIntake);
        if (!_intake.Writer.TryWrite(intake))
        {
            Interlocked.Decrement(ref _inIntake);
            _budget.Release(intake.Room);
            throw Stopping();
        }

        return intake.Waiter?.Completion.Task ?? Task.FromResult<SaveResult>(null!);
    }

    /// <summary>A deletion behind the buffered saves of this process: it must not miss them.</summary>
    private Task<Durability> EnterAsync(PendingKind kind, CheckpointKey key, Durability wanted, BufferBudget.Room room, Waiter waiter)
    {
        var turn = new TaskCompletionSource<Task<Durability>>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = Enter(new Intake(Nothing, room, 0, null, null, null, () => turn.SetResult(ProcessDeletionAsync(kind, key, wanted, room, waiter))));
        return turn.Task.Unwrap();
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
            if (intake.Deletion is { } delete)
            {
                delete();
            }
            else
            {
                await _passing.WaitAsync();
                _ = PassOnAsync(intake);
            }

            Interlocked.Decrement(ref _inIntake);
        }
    }

    private async Task PrepareCacheAsync()
    {
        try
        {
            await _cache.CallAsync(static (_, _, _) => Task.FromResult(true), true, CancellationToken.None);
        }
        catch (Exception)
        {
            // Whatever it is: the save itself meets the same fault, and tells its caller.
        }
    }

    private async Task PassOnAsync(Intake intake)
    {
        try
        {
            if (intake.Waiter is { } waiter)
            {
                // Whoever waits is bounded by itself.
                _passing.Release();
                await CompleteAsync(waiter, ProcessAsync(intake));
                return;
            }

            await BufferedAsync(intake);
        }
        catch (Exception e)
        {
            Log.BufferedSaveFailed(_logger, e);
        }
    }

    private static async Task CompleteAsync(Waiter waiter, Task<SaveResult> save)
    {
        try
        {
            waiter.Completion.TrySetResult(await save);
        }
        catch (Exception e)
        {
            waiter.Completion.TrySetException(e);
            _ = waiter.Completion.Task.Exception; // Observed: the caller may have stopped waiting.
        }
    }

    /// <summary>Nobody waits: once the cache has answered, the command is the sender's.</summary>
    private async Task BufferedAsync(Intake intake)
    {
        var started = _time.GetTimestamp();
        try
        {
            var (command, _) = await WriteAsync(intake, Durability.Buffered);
            _sender.Enqueue(command);
            _metrics.SaveCompleted(
                _time.GetElapsedTime(started),
                intake.Checkpoint.State.Length,
                Durability.Buffered,
                command.IsCached ? Durability.Cached : Durability.Buffered);
        }
        catch (Exception e)
        {
            _metrics.SaveFailed(_time.GetElapsedTime(started), Durability.Buffered, e);
            throw;
        }
        finally
        {
            _passing.Release();
        }
    }

    private async Task<SaveResult> ProcessAsync(Intake intake)
    {
        var started = _time.GetTimestamp();
        var wanted = intake.Options!.Durability ?? _options.DefaultDurability;
        try
        {
            var (command, isUnchanged) = await WriteAsync(intake, wanted);
            intake.Waiter!.Follow(command, isUnchanged);
            _sender.Enqueue(command);
            var reached = wanted <= Durability.Cached && command.IsCached ? Durability.Cached : await command.Reached;
            _metrics.SaveCompleted(_time.GetElapsedTime(started), intake.Checkpoint.State.Length, wanted, reached);
            return new SaveResult(command.Key, command.Sequence, reached, command.IsCached, isUnchanged, command.IsSpooled);
        }
        catch (Exception e)
        {
            _metrics.SaveFailed(_time.GetElapsedTime(started), wanted, e);
            throw;
        }
    }

    private Task<(Command Command, bool IsUnchanged)> WriteAsync(Intake intake, Durability wanted)
    {
        var write = _writeThrough.SaveAsync(Complete(intake.Checkpoint), intake.Sequence, wanted, intake.Options, intake.Room, intake.TraceParent);
        return write.IsCompletedSuccessfully ? write : ReleaseIfFailedAsync(write, intake.Room);
    }

    private async Task<T> ReleaseIfFailedAsync<T>(Task<T> write, BufferBudget.Room room)
    {
        try
        {
            return await write;
        }
        catch
        {
            _budget.Release(room);
            throw;
        }
    }

    private async Task<Durability> ProcessDeletionAsync(PendingKind kind, CheckpointKey key, Durability wanted, BufferBudget.Room room, Waiter waiter)
    {
        var command = await ReleaseIfFailedAsync(_writeThrough.DeleteAsync(kind, key, wanted, room), room);
        waiter.Follow(command, false);
        _sender.Enqueue(command);
        return command.IsCached && wanted <= Durability.Cached ? Durability.Cached : await command.Reached;
    }

    private Checkpoint Complete(Checkpoint checkpoint) => checkpoint.Id.Length > 0 && checkpoint.CreatedAt != default
        ? checkpoint
        : checkpoint with
        {
            Id = checkpoint.Id.Length > 0 ? checkpoint.Id : Guid.CreateVersion7(_time.GetUtcNow()).ToString(),
            CreatedAt = checkpoint.CreatedAt != default ? checkpoint.CreatedAt : _time.GetUtcNow(),
        };

    private static long RoomOf(Checkpoint checkpoint) => Overhead + checkpoint.State.Length;

    private ValueTask<BufferBudget.Room> ReserveForSaveAsync(Checkpoint checkpoint, Durability wanted, CancellationToken cancellationToken)
    {
        var room = ReserveAsync(RoomOf(checkpoint), cancellationToken);
        return room.IsCompletedSuccessfully ? room : CountIfRefusedAsync(room);

        async ValueTask<BufferBudget.Room> CountIfRefusedAsync(ValueTask<BufferBudget.Room> reservation)
        {
            var started = _time.GetTimestamp();
            try
            {
                return await reservation;
            }
            catch (CheckpointException e)
            {
                _metrics.SaveFailed(_time.GetElapsedTime(started), wanted, e);
                throw;
            }
        }
    }

    private async ValueTask<BufferBudget.Room> ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        if (_isStopping)
        {
            throw Stopping();
        }

        if (_budget.TryReserve(bytes) is { } room)
        {
            return UnlessStopping(room);
        }

        if (_options.WhenBufferFull == BufferFullMode.Fail)
        {
            throw BufferFull(null);
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.SaveTimeout);
        try
        {
            return UnlessStopping(await _budget.ReserveAsync(bytes, timeout.Token));
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw BufferFull(e);
        }
    }

    /// <summary>The drain may have looked before this room was taken.</summary>
    private BufferBudget.Room UnlessStopping(in BufferBudget.Room room)
    {
        if (_isStopping)
        {
            _budget.Release(room);
            throw Stopping();
        }

        return room;
    }

    private CheckpointUnavailableException BufferFull(Exception? inner) => new(
        $"The buffer is full: {_budget.Items} of {_options.MaxBufferedItems} saves, {_budget.Bytes} of {_options.MaxBufferedBytes} bytes.",
        "Redis or the broker is slower than the saves; raise MaxBufferedItems or MaxBufferedBytes, or save less often.",
        inner);

    private static CheckpointUnavailableException Stopping() => new("The client is stopping; it takes no more saves.");

    /// <summary>A save in the channel, or a deletion.</summary>
    private readonly record struct Intake(
        Checkpoint Checkpoint, BufferBudget.Room Room, long Sequence, string? TraceParent, SaveOptions? Options, Waiter? Waiter, Action? Deletion = null);

    /// <summary>
    /// Connects a save or a deletion with the caller that waits for it, who may give up, also before there is a command. Thread-safe.
    /// </summary>
    private sealed class Waiter
    {
        private readonly Lock _lock = new();
        private Command? _command;
        private Action<Command>? _end;
        private bool _isUnchanged;

        public TaskCompletionSource<SaveResult> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Follow(Command command, bool isUnchanged)
        {
            lock (_lock)
            {
                _isUnchanged = isUnchanged;
                _command = command;
                _end?.Invoke(command);
            }
        }

        /// <summary>The caller stopped waiting.</summary>
        public void Leave() => End(static command => command.GiveUp());

        /// <summary>Time is over: what holds by now, when that is good enough.</summary>
        public SaveResult? GiveUp(Durability wanted, bool isStrict)
        {
            var (command, isUnchanged) = End(static command => command.Abandon());
            return command is { IsCached: true } && wanted <= Durability.Queued && !isStrict
                ? new SaveResult(command.Key, command.Sequence, Durability.Cached, true, isUnchanged)
                : null;
        }

        private (Command? Command, bool IsUnchanged) End(Action<Command> end)
        {
            lock (_lock)
            {
                _end = end;
                if (_command is { } command)
                {
                    end(command);
                }

                return (_command, _isUnchanged);
            }
        }
    }
}
