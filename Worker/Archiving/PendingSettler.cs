using System.Threading.Channels;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Some time after the commit: removes pending marks from Redis, many at a time, and puts back what Redis has lost in
/// between. That time is what a Redis that comes back from its disk, or from a replica, may lack: as long as a mark is held
/// here, its loss is noticed. Should this process die before, the rescuer archives the same again, which changes nothing.
/// </summary>
internal sealed class PendingSettler(
    CacheLink cache, CacheRefill refill, IOptions<WorkerOptions> options, TimeProvider time, ILogger<PendingSettler> logger) : BackgroundService
{
    private const int EnoughMarks = 4000;

    // When more is held, the oldest go early, or are left to the rescuer while Redis is away.
    private const int MaxHeldMarks = 200_000;

    // Many marks of a shard go in one call.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);
    private const int ParallelStreams = 8;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Bounded: when Redis is slow the writers wait.
    private readonly Channel<Committed> _committed = Channel.CreateBounded<Committed>(64);
    private readonly Queue<Committed> _held = new();
    private int _heldMarks;
    private long? _failedAt;

    /// <summary>Hands over what is committed; waits while Redis is behind.</summary>
    /// <param name="committed">The messages.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public ValueTask EnqueueAsync(IReadOnlyList<IncomingCommands> committed, CancellationToken cancellationToken)
    {
        PendingMark[] marks = [.. committed.SelectMany(commands => commands.Marks)];
        return marks.Length == 0 ? ValueTask.CompletedTask : _committed.Writer.WriteAsync(new Committed(marks, time.GetTimestamp()), cancellationToken);
    }

    /// <summary>Settles marks whose checkpoints are archived, at once, and puts back what Redis has lost.</summary>
    /// <param name="marks">The marks.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task SettleAsync(IReadOnlyCollection<PendingMark> marks, CancellationToken cancellationToken)
    {
        var lost = await cache.CallAsync(
            static (cache, marks, cancellationToken) => cache.SettleAsync(marks, cancellationToken), marks, cancellationToken);
        if (lost.Count > 0)
        {
            await PutBackAsync(lost, cancellationToken);
        }
    }

    /// <summary>Settles what is left, then stops.</summary>
    /// <param name="cancellationToken">The end of patience.</param>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _committed.Writer.TryComplete();
        try
        {
            await (ExecuteTask ?? Task.CompletedTask).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The rescuer meets what is left.
        }

        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (_held.Count > 0 || await _committed.Reader.WaitToReadAsync(stoppingToken))
        {
            await TakeInAsync(stoppingToken);
            if (Due() is var due and > 0)
            {
                // Putting back may take long; what commits meanwhile must not wait for it.
                var settling = TrySettleAsync([.. _held.Take(due).SelectMany(committed => committed.Marks)], stoppingToken);
                await TakeInWhileAsync(settling);
                if (await settling || IsFull || IsEnding)
                {
                    Release(due);
                }
            }
        }
    }

    private bool IsFull => _heldMarks >= MaxHeldMarks;

    /// <summary>At the end of this process nothing is held.</summary>
    private bool IsEnding => _committed.Reader.Completion.IsCompleted;

    /// <summary>Until the oldest is due.</summary>
    private async Task TakeInAsync(CancellationToken stoppingToken)
    {
        if (_held.Count == 0 && _committed.Reader.TryRead(out var first))
        {
            Hold(first);
        }

        var rest = options.Value.SettleAfter + Gathering - Age(_held.Peek());
        if (_failedAt is { } failedAt && RetryAfter - time.GetElapsedTime(failedAt) is var pause && pause > rest)
        {
            rest = pause;
        }

        using var due = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        due.CancelAfter(rest > TimeSpan.Zero ? rest : TimeSpan.Zero);
        try
        {
            while (!IsFull && await _committed.Reader.WaitToReadAsync(due.Token))
            {
                while (!IsFull && _committed.Reader.TryRead(out var more))
                {
                    Hold(more);
                }
            }
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            // Due.
        }
    }

    private async Task TakeInWhileAsync(Task<bool> settling)
    {
        while (!settling.IsCompleted && !IsFull)
        {
            var readable = _committed.Reader.WaitToReadAsync().AsTask();
            if (await Task.WhenAny(settling, readable) == settling || !await readable)
            {
                return;
            }

            while (!IsFull && _committed.Reader.TryRead(out var more))
            {
                Hold(more);
            }
        }
    }

    /// <summary>How many transactions' marks to settle now.</summary>
    private int Due()
    {
        var (count, marks) = (0, 0);
        foreach (var oldest in _held)
        {
            if (marks >= EnoughMarks || !(IsFull || IsEnding || Age(oldest) >= options.Value.SettleAfter))
            {
                break;
            }

            count++;
            marks += oldest.Marks.Length;
        }

        return count;
    }

    private TimeSpan Age(in Committed committed) => time.GetElapsedTime(committed.At);

    private void Hold(in Committed committed)
    {
        _held.Enqueue(committed);
        _heldMarks += committed.Marks.Length;
    }

    private void Release(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _heldMarks -= _held.Dequeue().Marks.Length;
        }
    }

    /// <summary>
    /// False: Redis, or the archive to put back from, is away. The marks are held until both are back, for Redis may come
    /// back without them.
    /// </summary>
    private async Task<bool> TrySettleAsync(List<PendingMark> marks, CancellationToken stoppingToken)
    {
        try
        {
            await SettleAsync(marks, stoppingToken);
            _failedAt = null;
            return true;
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            if (_failedAt is null || IsFull || IsEnding)
            {
                Log.SettleFailed(logger, marks.Count, e);
            }

            _failedAt = time.GetTimestamp();
            return e is not CheckpointUnavailableException && !TransientErrors.IsTransient(e);
        }
    }

    private async Task PutBackAsync(IReadOnlyList<PendingMark> lost, CancellationToken stoppingToken)
    {
        foreach (var deletion in lost.Where(mark => mark.Kind != PendingKind.Save).OrderBy(mark => mark.Sequence))
        {
            var isClear = deletion.Kind == PendingKind.Clear;
            await PutBackAsync(deletion.Key, async cancellationToken =>
            {
                await refill.DeleteAsync(
                    deletion.Key.ExecutionId, isClear ? null : deletion.Key.Namespace, isClear ? null : deletion.Key.Id, deletion.Sequence, cancellationToken);
                return 0;
            }, stoppingToken);
        }

        var count = 0;
        await Parallel.ForEachAsync(
            lost.Where(mark => mark.Kind == PendingKind.Save).GroupBy(mark => mark.Key with { Id = "" }),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelStreams, CancellationToken = stoppingToken },
            async (stream, cancellationToken) => Interlocked.Add(ref count, await PutBackAsync(
                stream.Key,
                token => refill.RefillAsync(
                    stream.Key.ExecutionId, stream.Key.Namespace, [.. stream.Select(mark => (mark.Key.Id, mark.Sequence))], stream.MaxBy(mark => mark.Sequence).Policy, token),
                cancellationToken)));
        if (count > 0)
        {
            Log.PutBack(logger, count);
        }
    }

    /// <summary>What one of them meets (a key of another type, a damaged row) is not the others' fault.</summary>
    private async Task<int> PutBackAsync(CheckpointKey key, Func<CancellationToken, Task<int>> putBack, CancellationToken stoppingToken)
    {
        try
        {
            return await putBack(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested && e is not CheckpointUnavailableException && !TransientErrors.IsTransient(e))
        {
            Log.NotPutBack(logger, key, e);
            return 0;
        }
    }

    /// <summary>The marks of a transaction.</summary>
    /// <param name="Marks">The marks.</param>
    /// <param name="At">When it committed.</param>
    private readonly record struct Committed(PendingMark[] Marks, long At);
}
