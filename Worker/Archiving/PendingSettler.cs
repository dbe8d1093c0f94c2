using System.Threading.Channels;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// After the commit: removes pending marks from Redis, many at a time, and puts back what Redis has lost in between.
/// Should it fail or die before that, the rescuer finds the marks and archives the same again, which changes nothing.
/// </summary>
internal sealed class PendingSettler(CacheLink cache, CacheRefill refill, ILogger<PendingSettler> logger) : BackgroundService
{
    private const int EnoughMarks = 4000;
    private static readonly TimeSpan MaxDelay = TimeSpan.FromMilliseconds(100);

    // Few: when Redis is slow the writers wait instead of piling up states.
    private readonly Channel<IReadOnlyList<IncomingCommands>> _committed = Channel.CreateBounded<IReadOnlyList<IncomingCommands>>(8);

    /// <summary>Hands over what is committed; waits while Redis is behind.</summary>
    /// <param name="committed">The messages.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public ValueTask EnqueueAsync(IReadOnlyList<IncomingCommands> committed, CancellationToken cancellationToken) =>
        _committed.Writer.WriteAsync(committed, cancellationToken);

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
        var committed = new List<IncomingCommands>();
        var marks = 0;
        while (await _committed.Reader.WaitToReadAsync(stoppingToken))
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            patience.CancelAfter(MaxDelay);
            try
            {
                // Many marks of a shard go in one call; nothing is lost by being late.
                while (marks < EnoughMarks && await _committed.Reader.WaitToReadAsync(patience.Token))
                {
                    while (marks < EnoughMarks && _committed.Reader.TryRead(out var more))
                    {
                        committed.AddRange(more);
                        marks += more.Sum(commands => commands.Marks.Count);
                    }
                }
            }
            catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
            {
                // Waited long enough.
            }

            await SettleAsync(committed, stoppingToken);
            committed.Clear();
            marks = 0;
        }
    }

    private async Task SettleAsync(List<IncomingCommands> committed, CancellationToken stoppingToken)
    {
        var marks = committed.SelectMany(commands => commands.Marks).ToList();
        if (marks.Count == 0)
        {
            return;
        }

        try
        {
            await SettleAsync(marks, stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            Log.SettleFailed(logger, marks.Count, e);
        }
    }

    private async Task PutBackAsync(IReadOnlyList<PendingMark> lost, CancellationToken stoppingToken)
    {
        foreach (var deletion in lost.Where(mark => mark.Kind != PendingKind.Save).OrderBy(mark => mark.Sequence))
        {
            var isClear = deletion.Kind == PendingKind.Clear;
            await refill.DeleteAsync(
                deletion.Key.ExecutionId, isClear ? null : deletion.Key.Namespace, isClear ? null : deletion.Key.Id, deletion.Sequence, stoppingToken);
        }

        var count = 0;
        foreach (var stream in lost.Where(mark => mark.Kind == PendingKind.Save).GroupBy(mark => (mark.Key.ExecutionId, mark.Key.Namespace)))
        {
            count += await refill.RefillAsync(
                stream.Key.ExecutionId, stream.Key.Namespace, stream.Min(mark => mark.Sequence), stream.MaxBy(mark => mark.Sequence).Policy, stoppingToken);
        }

        if (count > 0)
        {
            Log.PutBack(logger, count);
        }
    }
}
