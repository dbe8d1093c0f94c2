using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Group commit: whatever waits at the moment becomes one transaction, without lingering; while it commits, the next one
/// grows. An outage of the archive is waited out. A batch that the archive refuses, though it takes other writes, is
/// halved until the message that it refuses stands alone; what becomes of that one is beside the others' way. Where
/// several transactions may run, so is a message that clears an execution: it may take minutes and locks what it is with.
/// </summary>
internal sealed partial class ArchiveWriter : BackgroundService
{
    // One that takes longer waits for something, such as the deletion of a large execution: others need not.
    private static readonly TimeSpan SlowCommit = TimeSpan.FromMilliseconds(200);

    private readonly Channel<Waiting> _waiting = Channel.CreateUnbounded<Waiting>();
    private readonly Channel<Waiting> _clears = Channel.CreateUnbounded<Waiting>();
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ICheckpointArchive _archive;
    private readonly ArchiveState _state;
    private readonly PendingSettler _settler;
    private readonly WorkerOptions _options;
    private readonly string? _prefix;
    private readonly TimeProvider _time;
    private readonly WorkerMetrics _metrics;
    private readonly ILogger<ArchiveWriter> _logger;
    private readonly int _writers;
    private int _committing;
    private int _waitingItems;
    private int _waitingClears;
    private long _startedAt;

    public ArchiveWriter(
        ICheckpointArchive archive,
        ArchiveState state,
        PendingSettler settler,
        WorkerParts parts,
        IOptions<WorkerOptions> options,
        IOptions<CheckpointOptions> checkpointOptions,
        TimeProvider time,
        WorkerMetrics metrics,
        ILogger<ArchiveWriter> logger)
    {
        _archive = archive;
        _state = state;
        _settler = settler;
        _options = options.Value;
        _prefix = parts.IsEmbedded ? null : checkpointOptions.Value.Prefix;
        _time = time;
        _metrics = metrics;
        _logger = logger;
        _writers = Math.Min(_options.Writers, archive.MaxWriters);
    }

    /// <summary>Raised when a transaction has left something in the outbox.</summary>
    public event Action? OutboxFilled;

    /// <summary>Saves and deletions that wait for a transaction to begin.</summary>
    public int WaitingItems => Math.Max(0, Volatile.Read(ref _waitingItems) + Volatile.Read(ref _waitingClears));

    /// <summary>Archives; completes when the transaction has committed.</summary>
    /// <param name="commands">What to archive.</param>
    /// <param name="cancellationToken">
    /// Withdraws what is not being committed yet. What is, completes in any case.
    /// </param>
    public async Task WriteAsync(IncomingCommands commands, CancellationToken cancellationToken)
    {
        if (commands is { Command: { CommandId: null, Saves.Count: 0, Tombstones.Count: 0 }, DeadLetters.Count: 0 })
        {
            return; // Marks of what Redis has lost. A commit of nothing says nothing of the archive.
        }

        var waiting = new Waiting(commands, cancellationToken);
        var isClear = _archive.MaxWriters > 1 && HasClear(commands.Command);
        if (!(isClear ? _clears : _waiting).Writer.TryWrite(waiting))
        {
            throw new OperationCanceledException("The worker is stopping.");
        }

        if (isClear)
        {
            Interlocked.Add(ref _waitingClears, commands.Size);
        }
        else if (Interlocked.Add(ref _waitingItems, commands.Size) >= _options.BatchMaxItems)
        {
            _changed.Writer.TryWrite(true);
        }

        await using var registration = cancellationToken.UnsafeRegister(static state => ((Waiting)state!).TryWithdraw(), waiting);
        await waiting.Committed.Task;
    }

    /// <summary>Lets what has been handed in commit, then stops.</summary>
    /// <param name="cancellationToken">The end of patience.</param>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        _clears.Writer.TryComplete();
        try
        {
            await (ExecuteTask ?? Task.CompletedTask).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Uncommitted messages go back to the queue.
        }

        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await MigrateAsync(stoppingToken);
        var clears = Enumerable.Range(0, _writers).Select(_ => WriteClearsAsync(stoppingToken)).ToArray();
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                while (!IsWorthATransaction)
                {
                    await ChangeAsync(stoppingToken);
                }

                _startedAt = _time.GetTimestamp();
                Interlocked.Increment(ref _committing);
                _ = WriteBatchAsync(TakeBatch(), stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            WithdrawAll(_waiting.Reader);
        }

        await Task.WhenAll(clears);
        while (Volatile.Read(ref _committing) + Volatile.Read(ref _alone) > 0)
        {
            await _changed.Reader.ReadAsync(CancellationToken.None);
        }
    }

    /// <summary>At once while nothing commits; beside another transaction only what fills one, or when that one is slow.</summary>
    private bool IsWorthATransaction =>
        Volatile.Read(ref _committing) is var committing
        && (committing == 0
            || (committing < _writers
                && (Volatile.Read(ref _waitingItems) >= _options.BatchMaxItems || _time.GetElapsedTime(_startedAt) >= SlowCommit)));

    /// <summary>Waits until something may have become worth a transaction.</summary>
    private async Task ChangeAsync(CancellationToken stoppingToken)
    {
        try
        {
            var change = _changed.Reader.WaitToReadAsync(stoppingToken).AsTask();
            await (Volatile.Read(ref _committing) < _writers ? change.WaitAsync(SlowCommit, _time, stoppingToken) : change);
            _changed.Reader.TryRead(out _);
        }
        catch (TimeoutException)
        {
            // It has become slow.
        }
    }

    private async Task MigrateAsync(CancellationToken stoppingToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var applied = await _archive.MigrateAsync(stoppingToken);
                if (_prefix is not null)
                {
                    await _archive.ClaimAsync(_prefix, stoppingToken);
                }

                _state.Migrated(applied);
                return;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested && TransientErrors.IsTransient(e))
            {
                _state.Failed(e);
                await Task.Delay(Backoff.OfCalls.After(attempt), _time, stoppingToken);
            }
        }
    }

    private async Task WriteBatchAsync(List<Waiting> batch, CancellationToken stoppingToken)
    {
        try
        {
            await TryCommitAsync(batch, stoppingToken);
        }
        finally
        {
            Interlocked.Decrement(ref _committing);
            _changed.Writer.TryWrite(true);
        }
    }

    /// <summary>One after the other; what clears nothing neither waits for it nor gives up a transaction of its own.</summary>
    private async Task WriteClearsAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var waiting in _clears.Reader.ReadAllAsync(stoppingToken))
            {
                Interlocked.Add(ref _waitingClears, -waiting.Commands.Size);
                if (waiting.TryTake())
                {
                    await TryCommitAsync([waiting], stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            WithdrawAll(_clears.Reader);
        }
    }

    private static bool HasClear(ArchiveCommand command) => command.Tombstones.Count > 0 && command.Tombstones.Any(tombstone => tombstone.Id is null);

    private static void WithdrawAll(ChannelReader<Waiting> reader)
    {
        while (reader.TryRead(out var waiting))
        {
            waiting.TryWithdraw();
        }
    }

    private async Task TryCommitAsync(List<Waiting> batch, CancellationToken stoppingToken)
    {
        try
        {
            if (batch.Count > 0)
            {
                await CommitAsync(batch, false, false, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            batch.ForEach(waiting => waiting.TryCancel());
        }
        catch (Exception e)
        {
            Log.ArchiveRefused(_logger, e);
            batch.ForEach(waiting => waiting.TryFail(e));
        }
    }

    private List<Waiting> TakeBatch()
    {
        var batch = new List<Waiting>();
        var (items, bytes) = (0, 0L);
        while (items < _options.BatchMaxItems && bytes < _options.BatchMaxBytes && _waiting.Reader.TryRead(out var next))
        {
            Interlocked.Add(ref _waitingItems, -next.Commands.Size);
            if (next.TryTake())
            {
                batch.Add(next);
                items += next.Commands.Size;
                bytes += next.Commands.Bytes;
            }
        }

        return batch;
    }

    /// <param name="batch">What to commit.</param>
    /// <param name="wasProbed">Whether the archive has taken a probe since it last refused this or what holds it.</param>
    /// <param name="isAlone">Whether it is one message, or a part of one, that does not hold up others.</param>
    /// <param name="stoppingToken">Stops it.</param>
    private async Task CommitAsync(List<Waiting> batch, bool wasProbed, bool isAlone, CancellationToken stoppingToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            batch.RemoveAll(waiting => waiting.TryGiveBack());
            if (batch.Count == 0)
            {
                return;
            }

            var started = _time.GetTimestamp();
            using var activity = CheckpointTracing.IsOn ? Trace(batch) : null;
            try
            {
                var commit = await _archive.CommitAsync(
                    new ArchiveBatch(batch.ConvertAll(waiting => waiting.Commands.Command), [.. batch.SelectMany(waiting => waiting.Commands.DeadLetters)]),
                    stoppingToken);
                activity?.Dispose();
                _state.Succeeded();
                await CompleteAsync(batch, commit, _time.GetElapsedTime(started), stoppingToken);
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                batch.ForEach(waiting => waiting.TryCancel());
                throw;
            }
            catch (Exception e)
            {
                Failed(activity, started, e);
                var passes = TransientErrors.IsTransient(e);
                if (passes && !wasProbed && !isAlone)
                {
                    _state.Failed(e);
                }

                if (await _state.TryProbeAsync(stoppingToken))
                {
                    if (wasProbed)
                    {
                        await (isAlone ? DivideAsync(batch[0], e, stoppingToken) : IsolateAsync(batch, e, stoppingToken));
                        return;
                    }

                    // It may have come back only now: the content is to blame when it is refused between two probes.
                    wasProbed = true;
                    if (passes)
                    {
                        _state.Succeeded();
                        await Task.Delay(Backoff.OfCalls.After(attempt), _time, stoppingToken);
                    }

                    continue;
                }

                wasProbed = false;
                _state.Failed(e);
                batch.RemoveAll(waiting => waiting.TryGiveBack());
                if (batch.Count == 0)
                {
                    return;
                }

                await Task.Delay(Backoff.OfCalls.After(attempt), _time, stoppingToken);
            }
        }
    }

    private Activity? Trace(List<Waiting> batch)
    {
        var activity = CheckpointTracing.StartBatch(
            "checkpoint.archive", ActivityKind.Consumer, batch.Sum(waiting => waiting.Commands.Size), [.. batch.SelectMany(waiting => waiting.Commands.Traces)]);
        activity?.SetTag("db.system.name", _archive.Name);
        return activity;
    }

    /// <summary>The span ends here: what follows is a wait, or transactions of their own.</summary>
    private void Failed(Activity? activity, long started, Exception exception)
    {
        _metrics.ArchiveFailed(_time.GetElapsedTime(started), exception);
        CheckpointTracing.Fail(activity, exception);
        activity?.Dispose();
    }

    private async Task CompleteAsync(List<Waiting> batch, ArchiveCommit commit, TimeSpan elapsed, CancellationToken stoppingToken)
    {
        if (commit.Archived + commit.Deleted > 0 || batch.Exists(waiting => waiting.Commands.Command.Saves.Any(save => save.Uncached)))
        {
            OutboxFilled?.Invoke();
        }

        _metrics.Archived(batch.ConvertAll(waiting => waiting.Commands), elapsed);
        Log.Archived(_logger, commit.Archived, commit.Deleted, batch.Count, elapsed.TotalMilliseconds);
        batch.ForEach(waiting => waiting.TryComplete());
        await _settler.EnqueueAsync(batch.ConvertAll(waiting => waiting.Commands), stoppingToken);
    }

    /// <summary>Commands and the promise that they get committed.</summary>
    internal sealed class Waiting(IncomingCommands commands, CancellationToken cancellationToken)
    {
        private int _taken;

        public CancellationToken Withdrawn => cancellationToken;

        public IncomingCommands Commands => commands;

        public TaskCompletionSource Committed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>A part of them, which goes back when they do.</summary>
        public Waiting Part(IncomingCommands part) => new(part, cancellationToken);

        /// <summary>Claims them for a transaction.</summary>
        public bool TryTake() => Interlocked.Exchange(ref _taken, 1) == 0;

        /// <summary>Takes them back while no transaction has them.</summary>
        public void TryWithdraw()
        {
            if (TryTake())
            {
                TryCancel();
            }
        }

        /// <summary>Between two attempts: takes them back when their owner does not want to wait any longer.</summary>
        public bool TryGiveBack()
        {
            if (cancellationToken.IsCancellationRequested)
            {
                TryCancel();
            }

            return cancellationToken.IsCancellationRequested;
        }

        public void TryComplete() => Committed.TrySetResult();

        public void TryCancel() => Committed.TrySetCanceled(CancellationToken.None);

        public void TryFail(Exception exception) => Committed.TrySetException(exception);
    }
}
