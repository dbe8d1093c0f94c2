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
        var page = await archive.FindAsync(query, null, after, maxBytes, cancellationToken);
        return new SourcePage(page.Items, [], page.Items.Count > 0 ? ListPosition.Of(page.Items[^1]) : after, page.HasMore);
    }

    public async Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = key.ExecutionId, Namespace = key.Namespace, Limit = 1 };
        return await archive.FindAsync(query, key.Id, null, long.MaxValue, cancellationToken) is { Items: [var found, ..] } ? found : null;
    }

    public Task<bool> IsUnderWayAsync(CheckpointKey key, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task<IReadOnlyList<Tombstone>> FindTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        archive.ListTombstonesAsync(prefix, after, limit, cancellationToken);

    public async Task<long?> CountAsync(ScanArguments arguments, CancellationToken cancellationToken) =>
        archive is not IJobStore store || arguments.HasInnerFilter() ? null
        : arguments.Execution is { } one ? await store.CountCheckpointsOfAsync(one, cancellationToken)
        : await store.CountCheckpointsAsync(arguments.Prefix(), cancellationToken);

    public ValueTask DisposeAsync() => isOwned && archive is IAsyncDisposable disposable ? disposable.DisposeAsync() : default;
}
