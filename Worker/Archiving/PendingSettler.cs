using System.Threading.Channels;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// After the commit: removes pending marks from Redis, many at a time, and puts back what Redis has lost in between. While
/// Redis is away they are held. Should this process die before, the rescuer archives the same again, which changes nothing.
/// </summary>
internal sealed class PendingSettler(CacheLink cache, CacheRefill refill, TimeProvider time, ILogger<PendingSettler> logger) : BackgroundService
{
    private const int EnoughMarks = 4000;

    // When more is held, the oldest are left to the rescuer.
    private const int MaxHeldMarks = 200_000;

    // Many marks of a shard go in one call; nothing is lost by being late.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Bounded: when Redis is slow the writers wait.
    private readonly Channel<(PendingMark[] Marks, long Since)> _committed = Channel.CreateBounded<(PendingMark[], long)>(64);
    private readonly Queue<(PendingMark[] Marks, long Since)> _held = new();
    private int _heldMarks;
    private long _oldest;
    private int _puttingBack;
    private volatile bool _hasFailed;

    /// <summary>
    /// How long ago the oldest was committed that is not settled: what Redis has lost of it is not put back yet. As soon as
    /// something is known to be lost, or Redis to be away, there is no telling.
    /// </summary>
    public TimeSpan Behind => _hasFailed || Volatile.Read(ref _puttingBack) > 0 ? TimeSpan.MaxValue
        : Volatile.Read(ref _oldest) is var oldest and not 0 ? time.GetElapsedTime(oldest)
        : TimeSpan.Zero;

    /// <summary>Hands over what is committed; waits while Redis is behind.</summary>
    /// <param name="committed">The messages.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public ValueTask EnqueueAsync(IReadOnlyList<IncomingCommands> committed, CancellationToken cancellationToken)
    {
        PendingMark[] marks = [.. committed.SelectMany(commands => commands.Marks)];
        return marks.Length == 0 ? ValueTask.CompletedTask : _committed.Writer.WriteAsync((marks, time.GetTimestamp()), cancellationToken);
    }

    /// <summary>Settles marks whose checkpoints are archived, at once, and puts back what Redis has lost.</summary>
    /// <param name="marks">The marks.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task SettleAsync(IReadOnlyCollection<PendingMark> marks, CancellationToken cancellationToken)
    {
        var lost = await cache.CallAsync(
            static (cache, marks, cancellationToken) => cache.SettleAsync(marks, cancellationToken), marks, cancellationToken);
        if (lost.Count == 0)
        {
            return;
        }

        Interlocked.Increment(ref _puttingBack);
        try
        {
            await refill.PutBackAsync(lost, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _puttingBack);
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
            var (count, marks) = (0, new List<PendingMark>());
            foreach (var committed in _held.TakeWhile(_ => marks.Count < EnoughMarks))
            {
                marks.AddRange(committed.Marks);
                count++;
            }

            // Putting back may take long; what commits meanwhile must not wait for it.
            var settling = TrySettleAsync(marks, stoppingToken);
            await TakeInWhileAsync(settling);
            if (await settling || IsFull || IsEnding)
            {
                Release(count);
            }
        }
    }

    private bool IsFull => _heldMarks >= MaxHeldMarks;

    /// <summary>At the end of this process nothing is held.</summary>
    private bool IsEnding => _committed.Reader.Completion.IsCompleted;

    /// <summary>Until there are enough, or for a moment; where Redis was away, until it is worth a try again.</summary>
    private async Task TakeInAsync(CancellationToken stoppingToken)
    {
        using var due = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        due.CancelAfter(_hasFailed ? RetryAfter : Gathering);
        try
        {
            while (_heldMarks < (_hasFailed ? MaxHeldMarks : EnoughMarks) && await _committed.Reader.WaitToReadAsync(due.Token))
            {
                HoldAll();
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

            HoldAll();
        }
    }

    /// <summary>What is there now, as far as there is room.</summary>
    private void HoldAll()
    {
        while (!IsFull && _committed.Reader.TryRead(out var committed))
        {
            _held.Enqueue(committed);
            _heldMarks += committed.Marks.Length;
        }

        NoteOldest();
    }

    private void Release(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _heldMarks -= _held.Dequeue().Marks.Length;
        }

        NoteOldest();
    }

    private void NoteOldest() => Volatile.Write(ref _oldest, _held.TryPeek(out var oldest) ? oldest.Since : 0);

    /// <summary>False: Redis, or the archive to put back from, is away.</summary>
    private async Task<bool> TrySettleAsync(List<PendingMark> marks, CancellationToken stoppingToken)
    {
        try
        {
            await SettleAsync(marks, stoppingToken);
            _hasFailed = false;
            return true;
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            if (!_hasFailed || IsFull || IsEnding)
            {
                Log.SettleFailed(logger, marks.Count, e);
            }

            _hasFailed = true;
            return e is not CheckpointUnavailableException && !TransientErrors.IsTransient(e);
        }
    }
}
