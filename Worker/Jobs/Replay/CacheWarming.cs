using System.Runtime.CompilerServices;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs.Replay;

/// <summary>
/// Replay to the cache, each stream newest first and without a hole: at every moment, also after a kill, the cached part
/// is the newest part of the stream. So node, metadata and namespace choose executions, not single checkpoints.
/// </summary>
internal sealed class CacheWarming(ICheckpointArchive archive, CacheLink cache, IOptions<CheckpointOptions> options)
{
    private const long MaxBytes = 8 * 1024 * 1024;
    private readonly CacheRetention _retention = options.Value.Retention;

    public async IAsyncEnumerable<JobStep> RunAsync(
        JobContext context, ReplayArguments arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var source = new ArchiveSource(archive, isOwned: false);
        var cursor = JobJson.Read<ScanCursor>(context.Cursor);
        var total = cursor is null ? await source.CountAsync(arguments, cancellationToken) : null;
        var (done, counts, executions, findings) = (0, new Counts(), 0, new List<JobFinding>());
        await foreach (var execution in SourceScan.ExecutionsAsync(source, arguments, cursor?.Execution, cursor is { Position: not null }, cancellationToken))
        {
            var position = execution == cursor?.Execution && cursor.Position is { } token ? ListPosition.FromToken(token) : (ListPosition?)null;
            var hasMore = position is not null || await IsWantedAsync(source, arguments, execution, cancellationToken);
            while (hasMore)
            {
                var query = new CheckpointQuery
                {
                    ExecutionId = execution,
                    Namespace = null,
                    AfterSequence = arguments.SavedFrom is { } from ? CheckpointCodec.ToMicroseconds(from) - 1 : null,
                    Limit = Math.Clamp(context.BatchSize - done, 1, CheckpointQuery.MaxLimit),
                };
                var page = await source.FindAsync(query, position, MaxBytes, cancellationToken);
                counts += await PutAsync(page.Items, cancellationToken);
                done += page.Items.Count;
                findings.AddRange(page.Problems);
                (position, hasMore) = (page.Last, page.HasMore);
                if (done >= context.BatchSize)
                {
                    yield return StepOf(new ScanCursor(execution, hasMore ? position!.Value.ToToken() : null), done, counts, total, findings);
                    (done, counts, executions, findings) = (0, new Counts(), 0, []);
                }
            }

            // Also what is not wanted takes its time.
            cursor = new ScanCursor(execution, null);
            if (++executions >= context.BatchSize)
            {
                yield return StepOf(cursor, done, counts, total, findings);
                (done, counts, executions, findings) = (0, new Counts(), 0, []);
            }
        }

        if (executions > 0)
        {
            yield return StepOf(cursor!, done, counts, total, findings);
        }
    }

    private static JobStep StepOf(ScanCursor cursor, int done, Counts counts, long? total, IReadOnlyList<JobFinding> findings) => new(JobJson.Write(cursor), done)
    {
        Total = total,
        Counts = [("warmed", counts.Taken), ("ignored", counts.Ignored), ("deleted", counts.Discarded)],
        Findings = findings,
    };

    private static async Task<bool> IsWantedAsync(
        ArchiveSource source, ReplayArguments arguments, string execution, CancellationToken cancellationToken) =>
        (arguments.Node ?? arguments.Namespace ?? (object?)arguments.Metadata) is null
        || (await source.FindAsync(arguments.Query(execution, includeState: false, 1), null, MaxBytes, cancellationToken)).Items.Count > 0;

    /// <summary>
    /// Into its place in the stream, whatever is there already; the mark that this takes is settled at once, which also
    /// trims the stream to its size. Pipelined: Redis runs them in the order in which they were sent.
    /// </summary>
    private async Task<Counts> PutAsync(IReadOnlyList<Checkpoint> checkpoints, CancellationToken cancellationToken)
    {
        if (checkpoints.Count == 0)
        {
            return default;
        }

        var puts = await cache.CallAsync(
            static (cache, call, cancellationToken) => Task.WhenAll(call.Checkpoints.Select(
                checkpoint => cache.PutAsync(CheckpointCodec.Encode(checkpoint), checkpoint.Sequence, call.Retention, true, cancellationToken))),
            (Checkpoints: checkpoints, Retention: _retention),
            cancellationToken);
        var marks = checkpoints.Select(checkpoint => new PendingMark(PendingKind.Save, checkpoint.Key, checkpoint.Sequence, _retention)).ToList();
        await cache.CallAsync(static (cache, marks, cancellationToken) => cache.SettleAsync(marks, cancellationToken), marks, cancellationToken);
        return new Counts(puts.Count(put => put == CachePut.Taken), puts.Count(put => put == CachePut.Ignored), puts.Count(put => put == CachePut.Discarded));
    }

    private readonly record struct Counts(int Taken, int Ignored, int Discarded)
    {
        public static Counts operator +(Counts a, Counts b) => new(a.Taken + b.Taken, a.Ignored + b.Ignored, a.Discarded + b.Discarded);
    }
}
