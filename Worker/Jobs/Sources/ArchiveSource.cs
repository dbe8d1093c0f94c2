using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>An archive.</summary>
/// <param name="archive">The archive.</param>
/// <param name="isOwned">Whether it is closed with this.</param>
internal sealed class ArchiveSource(ICheckpointArchive archive, bool isOwned) : ICheckpointSource
{
    public bool IsPartial => false;

    public Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) =>
        archive.FindExecutionsAsync(prefix, after, limit, cancellationToken);

    public async Task<SourcePage> FindAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        try
        {
            var page = await archive.FindAsync(query, null, after, maxBytes, cancellationToken);
            return new SourcePage(page.Items, [], page.Items.Count > 0 ? ListPosition.Of(page.Items[^1]) : after, page.HasMore);
        }
        catch (JsonException) when (archive is IJobStore && SequenceRange.Of(query, after) is not null)
        {
            return await FindOneByOneAsync((IJobStore)archive, query, after, maxBytes, cancellationToken);
        }
    }

    public async Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = key.ExecutionId, Namespace = key.Namespace, Limit = 1 };
        try
        {
            return await archive.FindAsync(query, key.Id, null, long.MaxValue, cancellationToken) is { Items: [var found, ..] } ? found : null;
        }
        catch (JsonException e)
        {
            throw new CheckpointFormatException($"The metadata of '{key}' are damaged: {e.Message}", e);
        }
    }

    public Task<bool> IsUnderWayAsync(CheckpointKey key, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task<IReadOnlyList<Tombstone>> FindTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        archive.ListTombstonesAsync(prefix, after, limit, cancellationToken);

    public async Task<long?> CountAsync(ScanArguments arguments, CancellationToken cancellationToken) =>
        archive is not IJobStore store || arguments.HasInnerFilter() ? null
        : arguments.Execution is { } one ? await store.CountCheckpointsOfAsync(one, cancellationToken)
        : await store.CountCheckpointsAsync(arguments.Prefix(), cancellationToken);

    public ValueTask DisposeAsync() => isOwned && archive is IAsyncDisposable disposable ? disposable.DisposeAsync() : default;

    // The metadata of a row are damaged: which one it is, and what its neighbours have, single queries tell.
    private async Task<SourcePage> FindOneByOneAsync(
        IJobStore rows, CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        var direction = query.OldestFirst ? 1 : -1;
        var positions = (await rows.ListHashesAsync(query.ExecutionId, SequenceRange.Of(query, after)!.Value, cancellationToken))
            .Select(row => new ListPosition(row.Sequence, row.Namespace, row.Id))
            .Where(row => (query.Namespace is null || row.Namespace == query.Namespace) && (after is not { } last || direction * row.CompareTo(last) > 0))
            .ToList();
        positions.Sort((a, b) => direction * a.CompareTo(b));
        var (items, problems, bytes) = (new List<Checkpoint>(), new List<JobFinding>(), 0L);
        foreach (var position in positions)
        {
            if (items.Count + problems.Count >= query.Limit || bytes >= maxBytes)
            {
                return new SourcePage(items, problems, after, true);
            }

            try
            {
                var one = await archive.FindAsync(query with { Namespace = position.Namespace, Limit = 1 }, position.Id, null, maxBytes, cancellationToken);
                items.AddRange(one.Items);
                bytes += one.Items.Sum(item => (long)item.State.Length);
            }
            catch (JsonException e)
            {
                var key = new CheckpointKey(query.ExecutionId, position.Namespace, position.Id);
                problems.Add(new JobFinding("unreadable", $"{key}", $"Its metadata are damaged: {e.Message}"));
            }

            after = position;
        }

        return new SourcePage(items, problems, after, false);
    }
}
