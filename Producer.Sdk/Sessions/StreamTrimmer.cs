namespace AsyncCheckpoints.Sessions;

/// <summary>
/// Deletes what is beyond the newest so many checkpoints of a stream. It looks at the stream itself every time, so it is
/// right after a restart and beside other writers.
/// </summary>
internal sealed class StreamTrimmer(ICheckpointClient client, string executionId, CheckpointSessionOptions options)
{
    private const int MaxConcurrentDeletes = 16;

    /// <summary>Whether the last run failed.</summary>
    public bool IsDue { get; private set; }

    /// <summary>Cuts the stream.</summary>
    /// <param name="cancellationToken">Stops it; the next run goes on.</param>
    /// <returns>Why it failed; null when it did not.</returns>
    public async Task<Exception?> TryRunAsync(CancellationToken cancellationToken)
    {
        if (options.MaxCheckpoints is not { } keep)
        {
            return null;
        }

        try
        {
            IsDue = true;
            await RunAsync(keep, cancellationToken);
            IsDue = false;
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private async Task RunAsync(int keep, CancellationToken cancellationToken)
    {
        var seen = 0;
        string? token = null;
        do
        {
            var page = await client.ListAsync(
                new CheckpointQuery
                {
                    ExecutionId = executionId,
                    Namespace = options.Namespace,
                    Limit = (int)Math.Min(CheckpointQuery.MaxLimit, keep + 1L),
                    IncludeState = false,
                    ContinuationToken = token,
                },
                cancellationToken);
            var surplus = page.Items.Skip(keep - Math.Min(keep, seen));
            await Parallel.ForEachAsync(
                surplus,
                new ParallelOptions { MaxDegreeOfParallelism = MaxConcurrentDeletes, CancellationToken = cancellationToken },
                async (checkpoint, token) => await client.DeleteAsync(checkpoint.Key, options.Durability, token));
            seen += page.Items.Count;
            token = page.ContinuationToken;
        }
        while (token is not null);
    }
}
