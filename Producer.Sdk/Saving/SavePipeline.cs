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
        if (_isStopping || _budget.TryReserve(RoomOf(checkpoint), yields: true) is not { } room)
        {
            return false;
        }

        if (_isStopping)
        {
            // The drain may have looked before there was something in.
            _budget.Release(room);
            return false;
        }

        Enter(new Intake(checkpoint, room, _clock.Next(), Activity.Current?.Id, null, null));
        return true;
    }

    /// <summary>The checkpoint with an id and a time of creation.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public Checkpoint Complete(Checkpoint checkpoint)
    {
        if (checkpoint.Id.Length > 0 && checkpoint.CreatedAt != default)
        {
            return checkpoint;
        }

        var now = _time.GetUtcNow();
        return checkpoint with
        {
            Id = checkpoint.Id.Length > 0 ? checkpoint.Id : Guid.CreateVersion7(now).ToString(),
            CreatedAt = checkpoint.CreatedAt != default ? checkpoint.CreatedAt : now,
        };
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
        var reservation = ReserveAsync(Overhead, cancellationToken);
        var waitedSince = reservation.IsCompleted ? 0 : _time.GetTimestamp();
        var room = await reservation;
        var waiter = new Waiter();
        var deletion = Volatile.Read(ref _inIntake) == 0 && _cache.IsReady
            ? ProcessDeletionAsync(kind, key, wanted, room, waiter)
            : EnterAsync(kind, key, wanted, room, waiter);
        try
        {
            return await deletion.WaitAsync(LeftOf(waitedSince), _time, cancellationToken);
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

        // What is on its way to Redis goes to the sender, which is disposed after this, and into its spool.
        for (var i = 0; i < MaxPassing; i++)
        {
            await _passing.WaitAsync();
        }

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
        var reservation = ReserveForSaveAsync(checkpoint, wanted, cancellationToken);
        var waitedSince = reservation.IsCompleted ? 0 : _time.GetTimestamp();
        var room = await reservation;
        if (wanted == Durability.Buffered && options.ExpectedLatestId is null)
        {
            // The caller's memory is the caller's again once this returns.
            Enter(new Intake(OwnMemoryOf(checkpoint, room), room, _clock.Next(), Activity.Current?.Id, null, null));
            return new SaveResult(checkpoint.Key, 0, Durability.Buffered, false, false);
        }

        var waiter = new Waiter();
        var intake = new Intake(checkpoint, room, _clock.Next(), Activity.Current?.Id, options, waiter);

        // Encoded before the first wait; in the channel it may outlast its caller, whose memory is its own again after that.
        var save = Volatile.Read(ref _inIntake) == 0 && _cache.IsReady
            ? ProcessAsync(intake)
            : EnterAsync(intake with { Checkpoint = OwnMemoryOf(checkpoint, room) }, waiter);
        try
        {
            return await (cancellationToken.CanBeCanceled || waitedSince != 0
                ? save.WaitAsync(LeftOf(waitedSince), _time, cancellationToken)
                : save.WaitAsync(_deadline.Token));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            waiter.Leave();
            Observe(save);
            throw;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            Observe(save);
            return waiter.GiveUp(wanted, options.Strict) ?? throw new CheckpointUnavailableException(
                $"'{checkpoint.Key}' did not reach {wanted} within {_options.SaveTimeout}.",
                "It may still complete; saving the same id again is safe.",
                e)
            { Key = checkpoint.Key };
        }
    }

    /// <summary>What is left of the timeout of who has waited for room since then; 0: it did not have to.</summary>
    private TimeSpan LeftOf(long waitedSince) => waitedSince == 0 ? _options.SaveTimeout
        : _options.SaveTimeout - _time.GetElapsedTime(waitedSince) is var left && left > TimeSpan.Zero ? left
        : TimeSpan.Zero;

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

    private void Enter(in Intake intake)
    {
        Interlocked.Increment(ref _inIntake);
        if (!_intake.Writer.TryWrite(intake))
        {
            Interlocked.Decrement(ref _inIntake);
            _budget.Release(intake.Room);
            throw Stopping();
        }
    }

    /// <summary>A save behind the buffered ones of this process.</summary>
    private Task<SaveResult> EnterAsync(in Intake intake, Waiter waiter)
    {
        var completion = waiter.Completion = new TaskCompletionSource<SaveResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enter(intake);
        return completion.Task;
    }

    /// <summary>A deletion behind the buffered saves of this process: it must not miss them.</summary>
    private Task<Durability> EnterAsync(PendingKind kind, CheckpointKey key, Durability wanted, BufferBudget.Room room, Waiter waiter)
    {
        var turn = new TaskCompletionSource<Task<Durability>>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enter(new Intake(Nothing, room, 0, null, null, null, () => turn.SetResult(ProcessDeletionAsync(kind, key, wanted, room, waiter))));
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
            if (intake.Waiter?.Completion is { } completion)
            {
                // Whoever waits is bounded by itself.
                _passing.Release();
                await CompleteAsync(completion, ProcessAsync(intake));
                return;
            }

            await BufferedAsync(intake);
        }
        catch (Exception e)
        {
            Log.BufferedSaveFailed(_logger, e);
        }
    }

    private static async Task CompleteAsync(TaskCompletionSource<SaveResult> completion, Task<SaveResult> save)
    {
        try
        {
            completion.TrySetResult(await save);
        }
        catch (Exception e)
        {
            completion.TrySetException(e);
            _ = completion.Task.Exception; // Observed: the caller may have stopped waiting.
        }
    }

    /// <summary>Nobody waits: once the cache has answered, the command is the sender's.</summary>
    private async Task BufferedAsync(Intake intake)
    {
        var started = _time.GetTimestamp();
        Command? command = null;
        try
        {
            (command, _) = await WriteAsync(Encode(intake), intake, Durability.Buffered);
            _sender.Enqueue(command);
            _metrics.SaveCompleted(
                _time.GetElapsedTime(started),
                intake.Checkpoint.State.Length,
                Durability.Buffered,
                command.IsCached ? Durability.Cached : Durability.Buffered);
        }
        catch (Exception e)
        {
            ReleaseIfUnwritten(command, intake.Room);
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
        Command? command = null;
        bool isUnchanged;
        try
        {
            var encoded = Encode(intake);
            _sender.Expect();
            try
            {
                (command, isUnchanged) = await WriteAsync(encoded, intake, wanted);
                intake.Waiter!.Follow(command, isUnchanged);
                _sender.Enqueue(command);
            }
            finally
            {
                _sender.Arrived();
            }

            var reached = wanted <= Durability.Cached && command.IsCached ? Durability.Cached : await command.Reached;
            _metrics.SaveCompleted(_time.GetElapsedTime(started), intake.Checkpoint.State.Length, wanted, reached);
            return new SaveResult(command.Key, command.Sequence, reached, command.IsCached, isUnchanged, command.IsSpooled);
        }
        catch (Exception e)
        {
            ReleaseIfUnwritten(command, intake.Room);
            _metrics.SaveFailed(_time.GetElapsedTime(started), wanted, e);
            throw;
        }
    }

    private EncodedCheckpoint Encode(in Intake intake) =>
        CheckpointCodec.Encode(Complete(intake.Checkpoint), _options.CompressAboveBytes ?? int.MaxValue);

    private Task<(Command Command, bool IsUnchanged)> WriteAsync(EncodedCheckpoint encoded, in Intake intake, Durability wanted) =>
        _writeThrough.SaveAsync(encoded, intake.Sequence, wanted, intake.Options, intake.Room, intake.TraceParent);

    private async Task<Durability> ProcessDeletionAsync(PendingKind kind, CheckpointKey key, Durability wanted, BufferBudget.Room room, Waiter waiter)
    {
        Command? command = null;
        try
        {
            command = await _writeThrough.DeleteAsync(kind, key, wanted, room);
            waiter.Follow(command, false);
            _sender.Enqueue(command);
            return command.IsCached && wanted <= Durability.Cached ? Durability.Cached : await command.Reached;
        }
        catch
        {
            ReleaseIfUnwritten(command, room);
            throw;
        }
    }

    /// <summary>A command's room is the sender's to give back; without one it is given back here.</summary>
    private void ReleaseIfUnwritten(Command? command, in BufferBudget.Room room)
    {
        if (command is null)
        {
            _budget.Release(room);
        }
    }

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
        // The command, or what is to become of it because its caller has gone: whichever came first.
        private object? _first;
        private bool _isUnchanged;

        /// <summary>What the caller waits for, of a save in the channel.</summary>
        public TaskCompletionSource<SaveResult>? Completion { get; set; }

        public void Follow(Command command, bool isUnchanged)
        {
            _isUnchanged = isUnchanged;
            if (Interlocked.CompareExchange(ref _first, command, null) is Action<Command> end)
            {
                end(command);
            }
        }

        /// <summary>The caller stopped waiting.</summary>
        public void Leave() => End(static command => command.GiveUp());

        /// <summary>Time is over: what holds by now, when that is good enough.</summary>
        public SaveResult? GiveUp(Durability wanted, bool isStrict) =>
            End(static command => command.Abandon()) is { IsCached: true } command && wanted <= Durability.Queued && !isStrict
                ? new SaveResult(command.Key, command.Sequence, Durability.Cached, true, _isUnchanged)
                : null;

        private Command? End(Action<Command> end)
        {
            var command = Interlocked.CompareExchange(ref _first, end, null) as Command;
            if (command is not null)
            {
                end(command);
            }

            return command;
        }
    }
}
