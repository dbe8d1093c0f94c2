using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>A store that cannot be asked by execution: all of it is read once, and what is kept of it has no states.</summary>
internal abstract class IndexedForeignStore : IForeignStore
{
    private readonly SortedDictionary<string, (List<ForeignEntry> Entries, List<JobFinding> Problems)> _executions =
        new(Comparer<string>.Create(ListPosition.CompareUtf8));

    private readonly List<JobFinding> _strays = [];

    /// <inheritdoc />
    public IReadOnlyList<JobFinding> Strays => _strays;

    /// <inheritdoc />
    public Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(
            [.. _executions.Keys.Where(execution => IsIn(execution, prefix) && (after is null || ListPosition.CompareUtf8(execution, after) > 0)).Take(limit)]);

    /// <inheritdoc />
    public Task<ForeignIndex> IndexAsync(string execution, CancellationToken cancellationToken) => Task.FromResult(
        _executions.TryGetValue(execution, out var found) ? new ForeignIndex(found.Entries, found.Problems) : new ForeignIndex([], []));

    /// <inheritdoc />
    public async Task<IReadOnlyList<ForeignCheckpoint>> LoadAsync(
        string execution, IReadOnlyList<ForeignEntry> entries, CancellationToken cancellationToken)
    {
        var loaded = new List<ForeignCheckpoint>(entries.Count);
        foreach (var (locator, json) in await ReadAsync([.. entries.Select(entry => entry.Locator)], cancellationToken))
        {
            try
            {
                if (json is not null)
                {
                    loaded.Add(ForeignJson.Read(json, locator, out _));
                }
            }
            catch (FormatException)
            {
                // It was readable a moment ago and is reported as gone.
            }
        }

        return loaded;
    }

    /// <inheritdoc />
    public Task<long?> CountAsync(string prefix, CancellationToken cancellationToken) =>
        Task.FromResult<long?>(_executions.Where(pair => IsIn(pair.Key, prefix)).Sum(pair => (long)pair.Value.Entries.Count));

    /// <inheritdoc />
    public virtual ValueTask DisposeAsync() => default;

    /// <summary>Reads texts; null where there is none.</summary>
    /// <param name="locators">Where they are.</param>
    /// <param name="cancellationToken">Stops it.</param>
    protected abstract Task<IReadOnlyList<(string Locator, byte[]? Json)>> ReadAsync(IReadOnlyList<string> locators, CancellationToken cancellationToken);

    /// <summary>Adds to the index.</summary>
    /// <param name="locator">Where it is.</param>
    /// <param name="json">The text.</param>
    /// <param name="knownExecution">The execution, where the store names it.</param>
    protected void Add(string locator, byte[]? json, string? knownExecution)
    {
        try
        {
            if (json is null)
            {
                throw new FormatException("There is nothing behind its entry in the index.");
            }

            var checkpoint = ForeignJson.Read(json, locator, out var named);
            if ((knownExecution ?? named) is { } execution)
            {
                Of(execution).Entries.Add(checkpoint.Entry);
            }
            else
            {
                _strays.Add(new JobFinding("no-execution", locator, "Its metadata name no execution (execution_id, session_id, thread_id, workflow_id)."));
            }
        }
        catch (FormatException e)
        {
            var finding = new JobFinding("unreadable", locator, e.Message);
            (knownExecution is null ? _strays : Of(knownExecution).Problems).Add(finding);
        }
    }

    private static bool IsIn(string execution, string prefix) => execution.StartsWith(prefix, StringComparison.Ordinal);

    private (List<ForeignEntry> Entries, List<JobFinding> Problems) Of(string execution)
    {
        if (!_executions.TryGetValue(execution, out var found))
        {
            found = ([], []);
            _executions.Add(execution, found);
        }

        return found;
    }
}
