using System.Runtime.CompilerServices;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>Where a scan stands: behind a position of an execution, or behind all of it.</summary>
/// <param name="Execution">The execution.</param>
/// <param name="Position">Where in it, as a token; null: behind all of it.</param>
internal sealed record ScanCursor(string Execution, string? Position);

/// <summary>A batch of a scan.</summary>
/// <param name="Items">The checkpoints, execution by execution, each oldest first.</param>
/// <param name="Problems">What could not be read.</param>
/// <param name="Cursor">Where the next one starts.</param>
internal sealed record ScanBatch(IReadOnlyList<Checkpoint> Items, IReadOnlyList<JobFinding> Problems, ScanCursor Cursor);

/// <summary>Reads a source from end to end in batches, from any cursor on.</summary>
internal sealed class SourceScan(ICheckpointSource source, ScanArguments arguments, bool includeState)
{
    private const int ExecutionPageSize = 500;
    private const int MaxExecutionsInBatch = 2000;
    private const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>Whether each execution ends at what is its newest when the scan comes to it: a live source would have no end.</summary>
    public bool EndsAtNewest { get; init; }

    /// <summary>All executions behind one.</summary>
    /// <param name="source">The source.</param>
    /// <param name="arguments">Which.</param>
    /// <param name="after">The one behind which to start.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static IAsyncEnumerable<string> ExecutionsAsync(
        ICheckpointSource source, ScanArguments arguments, string? after, CancellationToken cancellationToken) =>
        ExecutionsAsync(source, arguments, after, isInside: false, cancellationToken);

    /// <summary>All executions from a position on.</summary>
    /// <param name="source">The source.</param>
    /// <param name="arguments">Which.</param>
    /// <param name="after">Where it stands.</param>
    /// <param name="isInside">Whether that execution itself is not done.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async IAsyncEnumerable<string> ExecutionsAsync(
        ICheckpointSource source, ScanArguments arguments, string? after, bool isInside, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (isInside)
        {
            yield return after!;
        }

        if (arguments.Execution is { } one)
        {
            if (after is null)
            {
                yield return one;
            }

            yield break;
        }

        while (true)
        {
            var page = await source.FindExecutionsAsync(arguments.Prefix(), after, ExecutionPageSize, cancellationToken);
            foreach (var execution in page)
            {
                yield return execution;
            }

            if (page.Count < ExecutionPageSize)
            {
                yield break;
            }

            after = page[^1];
        }
    }

    /// <summary>All executions behind one that are in either of two sources. Both list in UTF-8 byte order.</summary>
    /// <param name="left">One source.</param>
    /// <param name="right">The other, if there is one.</param>
    /// <param name="arguments">Which.</param>
    /// <param name="after">The one behind which to start.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async IAsyncEnumerable<string> ExecutionsOfBothAsync(
        ICheckpointSource left, ICheckpointSource? right, ScanArguments arguments, string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var a = ExecutionsAsync(left, arguments, after, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var b = (right is null ? Empty() : ExecutionsAsync(right, arguments, after, cancellationToken)).GetAsyncEnumerator(cancellationToken);
        var (hasA, hasB) = (await a.MoveNextAsync(), await b.MoveNextAsync());
        while (hasA || hasB)
        {
            var order = !hasA ? 1 : !hasB ? -1 : ListPosition.CompareUtf8(a.Current, b.Current);
            yield return order <= 0 ? a.Current : b.Current;
            hasA = order <= 0 ? await a.MoveNextAsync() : hasA;
            hasB = order >= 0 ? await b.MoveNextAsync() : hasB;
        }
    }

    /// <summary>Reads.</summary>
    /// <param name="from">Where to start; null: at the start.</param>
    /// <param name="batchSize">Checkpoints in a batch.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async IAsyncEnumerable<ScanBatch> ReadAsync(ScanCursor? from, int batchSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (items, problems, bytes, executions) = (new List<Checkpoint>(), new List<JobFinding>(), 0L, 0);
        ScanCursor? cursor = null;
        await foreach (var execution in ExecutionsAsync(source, arguments, from?.Execution, from is { Position: not null }, cancellationToken))
        {
            var position = execution == from?.Execution && from.Position is { } token ? ListPosition.FromToken(token) : (ListPosition?)null;
            var bound = EndsAtNewest ? await NewestAsync(execution, cancellationToken) + 1 : null;
            bool hasMore;
            executions++;
            do
            {
                var limit = Math.Clamp(batchSize - items.Count, 1, CheckpointQuery.MaxLimit);
                var query = arguments.Query(execution, includeState, limit);
                query = bound < (query.BeforeSequence ?? long.MaxValue) ? query with { BeforeSequence = bound } : query;
                var page = await source.FindAsync(query, position, MaxBytes, cancellationToken);
                items.AddRange(page.Items);
                problems.AddRange(page.Problems);
                bytes += includeState ? page.Items.Sum(item => (long)item.State.Length) : 0;
                (position, hasMore) = (page.Last, page.HasMore);
                cursor = new ScanCursor(execution, hasMore ? position!.Value.ToToken() : null);
                if (items.Count >= batchSize || bytes >= MaxBytes || executions >= MaxExecutionsInBatch)
                {
                    yield return new ScanBatch(items, problems, cursor);
                    (items, problems, bytes, executions, cursor) = ([], [], 0, 0, null);
                }
            }
            while (hasMore);
        }

        if (cursor is not null)
        {
            yield return new ScanBatch(items, problems, cursor);
        }
    }

    // Also of one that cannot be read; null where there is nothing, or the source cannot tell.
    private async Task<long?> NewestAsync(string execution, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = execution, Namespace = null, Limit = 1, IncludeState = false };
        return (await source.FindAsync(query, null, MaxBytes, cancellationToken)).Last?.Sequence;
    }

    private static async IAsyncEnumerable<string> Empty()
    {
        await Task.CompletedTask;
        yield break;
    }
}
