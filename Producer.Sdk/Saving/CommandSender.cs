using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Spooling;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// The broker's leg. Whatever waits goes into one message: while messages are under way, the next one grows. What a caller
/// waits for leaves with what is on its way to Redis at that moment, and never waits for more to come; messages of nothing
/// else follow each other at a distance, so that they get worth their while.
/// A message that the broker does not confirm is sent again, with backoff, except for what Redis holds as pending
/// and nobody insists on: the worker's rescuer takes that from there.
/// </summary>
internal sealed class CommandSender : IAsyncDisposable
{
    // Between messages that nobody waits for; longer than Redis takes, unless it is in trouble.
    private static readonly TimeSpan Distance = TimeSpan.FromMilliseconds(10);

    private readonly Channel<Command> _waiting = Channel.CreateUnbounded<Command>(new() { SingleReader = true });
    private readonly SemaphoreSlim _changed = new(0);
    private readonly CancellationTokenSource _stopping = new();

    // Outlives its source: an answer may still be waited for when the sender is gone.
    private readonly CancellationToken _stoppingToken;
    private readonly Breaker _breaker;
    private readonly CommandTransport _transport;
    private readonly ICheckpointCache _cache;
    private readonly ICommandSpool _spool;
    private readonly BufferBudget _budget;
    private readonly CheckpointOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<CommandSender> _logger;
    private readonly SemaphoreSlim _slots;
    private readonly Gathering _gathering;
    private readonly Task _loop;
    private int _isChanged;
    private int _underWay;
    private int _sends;
    private int _waitingItems;
    private int _awaitedItems;
    private long _sentAt;
    private long _waitingBytes;

    public CommandSender(
        CommandTransport transport,
        ICheckpointCache cache,
        ICommandSpool spool,
        BufferBudget budget,
        IOptions<CheckpointOptions> options,
        TimeProvider time,
        ILogger<CommandSender> logger)
    {
        _transport = transport;
        _cache = cache;
        _spool = spool;
        _budget = budget;
        _options = options.Value;
        _time = time;
        _logger = logger;
        _stoppingToken = _stopping.Token;
        _slots = new SemaphoreSlim(_options.MaxConcurrentSends);
        _breaker = new Breaker("broker", time, logger);
        _gathering = new Gathering(Distance, time);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>A save sets out for Redis. Its command follows; <see cref="Arrived"/> is called after that, or when there is none.</summary>
    public void Expect() => _gathering.SetOut();

    /// <summary>What was expected is here, or will not come.</summary>
    public void Arrived()
    {
        _gathering.Arrive();
        if (IsWorthASend)
        {
            SetChanged();
        }
    }

    /// <summary>Takes a command, whose room in the buffer is reserved; the sender gives the room back.</summary>
    /// <param name="command">The command.</param>
    public void Enqueue(Command command)
    {
        if (command.CanBeRescued && !_spool.IsEnabled && _breaker.IsOpen)
        {
            Finish(command, null);
            return;
        }

        Interlocked.Increment(ref _waitingItems);
        Interlocked.Add(ref _waitingBytes, command.Record.Length);
        if (IsAwaited(command))
        {
            Interlocked.Increment(ref _awaitedItems);
        }

        if (!_waiting.Writer.TryWrite(command))
        {
            Finish(command, LeftTo(command));
        }
        else if (IsWorthASend)
        {
            SetChanged();
        }
    }

    /// <summary>Stops at once; what has not been sent fails, or is left to the rescuer.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_waiting.Writer.TryComplete())
        {
            return;
        }

        await _stopping.CancelAsync();
        await _loop;
        while (Volatile.Read(ref _sends) > 0)
        {
            await _changed.WaitAsync();
            Interlocked.Exchange(ref _isChanged, 0);
        }

        while (TakeBatch() is { Count: > 0 } left)
        {
            await GiveUpAsync(left);
        }

        // Not what says that something has changed: a save that was on its way to Redis still arrives.
        _stopping.Dispose();
        _slots.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(_stoppingToken))
            {
                await _slots.WaitAsync(_stoppingToken);
                try
                {
                    await UntilWorthASendAsync();
                }
                catch (OperationCanceledException)
                {
                    _slots.Release();
                    throw;
                }

                Interlocked.Increment(ref _sends);
                Interlocked.Increment(ref _underWay);
                Volatile.Write(ref _sentAt, _time.GetTimestamp());
                _ = SendAsync(TakeBatch());
            }
        }
        catch (OperationCanceledException) when (_stoppingToken.IsCancellationRequested)
        {
            // Stopping.
        }
    }

    private async Task UntilWorthASendAsync()
    {
        _gathering.Begin();
        while (!IsWorthASend)
        {
            if (await _changed.WaitAsync(Volatile.Read(ref _underWay) == 0 ? Distance : Timeout.InfiniteTimeSpan, _stoppingToken))
            {
                Interlocked.Exchange(ref _isChanged, 0);
            }
        }
    }

    /// <summary>
    /// While nothing is under way, what somebody waits for, once it is gathered, or what has waited for a moment; otherwise
    /// what is worth a message of its own.
    /// </summary>
    private bool IsWorthASend =>
        (Volatile.Read(ref _underWay) == 0
            && (Volatile.Read(ref _awaitedItems) > 0 ? _gathering.IsOver : _time.GetElapsedTime(Volatile.Read(ref _sentAt)) >= Distance))
        || Volatile.Read(ref _waitingItems) >= _options.BatchMaxItems / 2
        || Volatile.Read(ref _waitingBytes) >= _options.BatchMaxBytes / 2;

    private static bool IsAwaited(Command command) => command.Wanted >= (command.IsCached ? Durability.Queued : Durability.Cached);

    private void SetChanged()
    {
        if (Interlocked.Exchange(ref _isChanged, 1) == 0)
        {
            _changed.Release();
        }
    }

    private List<Command> TakeBatch()
    {
        var batch = new List<Command>();
        var bytes = 0L;
        var awaited = 0;
        while (batch.Count < _options.BatchMaxItems && _waiting.Reader.TryPeek(out var next))
        {
            if (batch.Count > 0 && bytes + next.Record.Length > _options.BatchMaxBytes)
            {
                break;
            }

            _waiting.Reader.TryRead(out next);
            batch.Add(next!);
            bytes += next!.Record.Length;
            awaited += IsAwaited(next) ? 1 : 0;
        }

        Interlocked.Add(ref _awaitedItems, -awaited);
        Interlocked.Add(ref _waitingItems, -batch.Count);
        Interlocked.Add(ref _waitingBytes, -bytes);

        return batch;
    }

    private async Task SendAsync(List<Command> batch)
    {
        try
        {
            for (var attempt = 0; ; attempt++)
            {
                Drop(batch, command => command.IsAbandoned);
                if (batch.Count == 0 || await TrySendAsync(batch))
                {
                    return;
                }

                await SpoolAsync(batch);
                Drop(batch, command => command.CanBeRescued);
                if (batch.Count == 0)
                {
                    return;
                }

                await PauseAsync(Backoff.OfCalls.After(attempt));
            }
        }
        catch (OperationCanceledException) when (_stoppingToken.IsCancellationRequested)
        {
            await GiveUpAsync(batch);
        }
        catch (Exception e)
        {
            // Whatever it is, nobody waits for ever, and no room is lost.
            var count = batch.Count;
            Drop(batch, _ => true);
            Log.SendFailed(_logger, count, e);
        }
        finally
        {
            _slots.Release();
            Interlocked.Decrement(ref _sends);
            Leave();
        }
    }

    /// <summary>What pauses is not under way, and has no slot: it holds up nothing behind it.</summary>
    private async Task PauseAsync(TimeSpan pause)
    {
        _slots.Release();
        Leave();
        try
        {
            await Task.Delay(pause, _time, _stoppingToken);
        }
        finally
        {
            await _slots.WaitAsync();
            Interlocked.Increment(ref _underWay);
        }
    }

    private void Leave()
    {
        _gathering.Begin();
        Interlocked.Decrement(ref _underWay);
        SetChanged();
    }

    private static CheckpointCommands MessageOf(List<Command> batch)
    {
        var message = new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion, CommandId = Guid.CreateVersion7().ToString("N") };
        batch.ForEach(command => command.AddTo(message));
        return message;
    }

    private async Task<bool> TrySendAsync(List<Command> batch)
    {
        using var activity = CheckpointTracing.IsOn
            ? CheckpointTracing.StartBatch(
                "checkpoint.send", ActivityKind.Producer, batch.Count, CheckpointTracing.ContextsOf(batch.Select(command => command.TraceParent)))
            : null;
        var message = MessageOf(batch);
        var isAwaited = _transport.IsInProcess || batch.Exists(command => command.Wanted == Durability.Persisted);
        ArchivedReply? reply = null;
        try
        {
            await CallAsync(
                async cancellationToken =>
                {
                    reply = isAwaited ? await _transport.ExpectReplyAsync(cancellationToken) : null;
                    await _transport.SendAsync(message, reply, cancellationToken);
                },
                batch.Count);
        }
        catch (CheckpointUnavailableException e)
        {
            CheckpointTracing.Fail(activity, e);
            reply?.Dispose();
            return false;
        }

        if (reply is not null)
        {
            _ = AwaitArchivedAsync(message, [.. batch], reply);
        }

        foreach (var command in batch)
        {
            if (command.Wanted != Durability.Persisted)
            {
                command.TryComplete(Durability.Queued);
            }

            if (!_transport.IsInProcess)
            {
                _budget.Release(command.Room);
            }
        }

        return true;
    }

    private async Task CallAsync(Func<CancellationToken, Task> send, int items)
    {
        if (!_breaker.TryEnter())
        {
            throw new CheckpointUnavailableException("The broker could not be reached a moment ago.", "Check that RabbitMQ can be reached.");
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stoppingToken);
        timeout.CancelAfter(_options.BrokerTimeout);
        try
        {
            await send(timeout.Token);
            _breaker.Succeeded();
        }
        catch (CheckpointUnavailableException e)
        {
            _breaker.Failed(e);
            Log.SendFailed(_logger, items, e);
            throw;
        }
    }

    /// <summary>
    /// Waits for the commit of what is on the queue already. A lost answer is asked for by sending the message again: its
    /// command id makes that harmless. What is on a queue in this process keeps its room.
    /// </summary>
    private async Task AwaitArchivedAsync(CheckpointCommands message, List<Command> batch, ArchivedReply reply)
    {
        using (reply)
        {
            var started = _time.GetTimestamp();
            var patience = TimeSpan.FromSeconds(2);
            CommandsArchived? answer = null;
            while ((answer = await reply.WaitAsync(patience, _time)) is null && _time.GetElapsedTime(started) < _options.SaveTimeout)
            {
                patience *= 2;
                if (!batch.Exists(command => command.Wanted == Durability.Persisted))
                {
                    continue; // Nobody waits for it.
                }

                try
                {
                    await CallAsync(cancellationToken => _transport.SendAsync(message, reply, cancellationToken), batch.Count);
                }
                catch (CheckpointUnavailableException)
                {
                    // The message is on the queue; only the second copy is not.
                }
            }

            if (answer is not null)
            {
                CompleteArchived(batch, answer);
            }
            else
            {
                batch.ForEach(command => command.TryFail(new CheckpointUnavailableException(
                    $"The archive did not confirm '{command.Key}' within {_options.SaveTimeout}; it is queued and will be archived.",
                    "Check that a worker is running and that its archive can be reached.")
                { Key = command.Key }));
            }

            if (_transport.IsInProcess)
            {
                await UntilArchivedAsync(batch, answer, reply);
                batch.ForEach(command => _budget.Release(command.Room));
            }
        }
    }

    /// <summary>
    /// A queue in this process drops what is in hand when the worker pauses: the rescuer archives that, and nobody answers.
    /// </summary>
    private async Task UntilArchivedAsync(List<Command> batch, CommandsArchived? answer, ArchivedReply reply)
    {
        while (answer is null && !_stoppingToken.IsCancellationRequested && await IsPendingAsync())
        {
            answer = await reply.WaitAsync(TimeSpan.FromSeconds(2), _time);
        }

        async Task<bool> IsPendingAsync()
        {
            foreach (var command in batch)
            {
                if (await _cache.IsPendingAsync(new PendingMark(command.Kind, command.Key, command.Sequence, default), CancellationToken.None))
                {
                    return true;
                }
            }

            return false;
        }
    }

    private static void CompleteArchived(List<Command> batch, CommandsArchived answer)
    {
        var saves = batch.FindAll(command => command.Kind == PendingKind.Save);
        foreach (var rejection in answer.Rejections.Where(rejection => rejection.Index >= 0 && rejection.Index < saves.Count))
        {
            var key = saves[rejection.Index].Key;
            saves[rejection.Index].TryFail(
                new CheckpointException($"The archive refused '{key}': {rejection.Reason}", isTransient: false) { Key = key });
        }

        batch.ForEach(command => command.TryComplete(Durability.Persisted));
    }

    /// <summary>Puts commands onto this machine's disk, if there is a spool; they are sent from there.</summary>
    private async Task SpoolAsync(List<Command> batch)
    {
        if (_spool.IsEnabled && batch.Count > 0 && await _spool.TryAppendAsync(MessageOf(batch)))
        {
            batch.ForEach(command => command.IsSpooled = true);
            Drop(batch, _ => true);
        }
    }

    /// <summary>The end of commands that could not be sent: the spool, Redis, or a failure.</summary>
    private async Task GiveUpAsync(List<Command> batch)
    {
        await SpoolAsync(batch);
        Drop(batch, _ => true);
    }

    private void Drop(List<Command> batch, Predicate<Command> match)
    {
        // One look at each: callers give up meanwhile.
        batch.RemoveAll(command =>
        {
            if (!match(command))
            {
                return false;
            }

            Finish(command, LeftTo(command));
            return true;
        });
    }

    private void Finish(Command command, Exception? failure)
    {
        if (failure is null)
        {
            command.TryComplete(command.IsCached ? Durability.Cached : Durability.Buffered);
        }
        else
        {
            if (!command.IsCached && !command.IsSpooled)
            {
                Log.Lost(_logger, command.Kind, command.Wanted);
            }

            command.TryFail(failure);
        }

        _budget.Release(command.Room);
    }

    /// <summary>Null: what it reached is good enough; the spool or the rescuer will bring it to the archive.</summary>
    private static CheckpointUnavailableException? LeftTo(Command command) =>
        command.CanBeRescued || (command is { IsSpooled: true, IsStrict: false } && command.Wanted <= Durability.Queued)
            ? null
            : new CheckpointUnavailableException(
                command.IsCached ? $"The broker cannot be reached; '{command.Key}' is held by Redis and will be archived from there."
                : command.IsSpooled ? $"The broker cannot be reached; '{command.Key}' is in the spool and will be archived from there."
                : $"Neither Redis nor the broker took '{command.Key}'.",
                "Check that RabbitMQ can be reached.")
            { Key = command.Key };
}
