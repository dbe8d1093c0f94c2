
namespace AsyncCheckpoints;

/// <content>Resume, list, fork, clear.</content>
public sealed partial class CheckpointSession
{
    /// <summary>
    /// Goes on at the stream's latest checkpoint, or at the beginning when there is none. A step that is still to be saved
    /// automatically is saved before; with <see cref="CheckpointSessionOptions.AutoSave"/> off, an unsaved step is dropped.
    /// </summary>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <returns>The checkpoint that the next step continues from; null when the stream is empty.</returns>
    /// <exception cref="CheckpointUnavailableException">It could not be read; a retry helps later.</exception>
    /// <exception cref="CheckpointConflictException">
    /// The step that was to be saved before met another writer; it is dropped now, and the next call resumes.
    /// </exception>
    public Task<Checkpoint?> ResumeAsync(CancellationToken cancellationToken = default) => RunAsync(
        async () =>
        {
            await SettleAsync(cancellationToken);
            var latest = await _client.LoadLatestAsync(ExecutionId, Namespace, cancellationToken);
            GoTo(latest, latest?.Id);
            return latest;
        },
        cancellationToken);

    /// <summary>
    /// Time travel: goes on at a given checkpoint. Steps that follow have it as their parent, a branch beside what came
    /// after it; nothing is deleted. Otherwise as <see cref="ResumeAsync(CancellationToken)"/>.
    /// </summary>
    /// <param name="checkpointId">The checkpoint's id.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <returns>The checkpoint that the next step continues from.</returns>
    /// <exception cref="CheckpointNotFoundException">It does not exist; the session is where it was.</exception>
    /// <exception cref="CheckpointUnavailableException">It could not be read; a retry helps later.</exception>
    /// <exception cref="CheckpointConflictException">
    /// The step that was to be saved before met another writer; it is dropped now, and the next call resumes.
    /// </exception>
    public Task<Checkpoint> ResumeAsync(string checkpointId, CancellationToken cancellationToken = default) => RunAsync(
        async () =>
        {
            await SettleAsync(cancellationToken);
            var key = new CheckpointKey(ExecutionId, Namespace, checkpointId);
            var target = await _client.LoadAsync(key, cancellationToken) ?? throw new CheckpointNotFoundException(key);
            // The fence stands at the end of the stream, wherever the session goes on.
            var latest = _options.FenceWriters ? await _client.LoadLatestAsync(ExecutionId, Namespace, cancellationToken) : null;
            GoTo(target, latest?.Id);
            return target;
        },
        cancellationToken);

    /// <summary>Lists the stream's saved checkpoints, page by page as they are asked for.</summary>
    /// <param name="oldestFirst">Oldest first instead of newest first.</param>
    /// <param name="includeState">Whether the states come along.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="CheckpointUnavailableException">The stream could not be read; a retry helps later.</exception>
    public IAsyncEnumerable<Checkpoint> ListAsync(
        bool oldestFirst = false, bool includeState = false, CancellationToken cancellationToken = default) => _client.EnumerateAsync(
            new CheckpointQuery { ExecutionId = ExecutionId, Namespace = Namespace, OldestFirst = oldestFirst, IncludeState = includeState },
            cancellationToken);

    /// <summary>
    /// Starts a new execution from the session's current checkpoint (saved before, if it is not): a copy of it with the
    /// same id. This session stays where it is.
    /// </summary>
    /// <param name="newExecutionId">The new execution; it must have no checkpoint in the session's namespace.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>A session on the new execution, with the same options, at the copy.</returns>
    /// <exception cref="ArgumentException">The id is out of bounds; a retry fails again.</exception>
    /// <exception cref="InvalidOperationException">The session is at its beginning: there is nothing to start from.</exception>
    /// <exception cref="CheckpointNotFoundException">The current checkpoint was deleted meanwhile.</exception>
    /// <exception cref="CheckpointConflictException">The new execution has checkpoints already.</exception>
    /// <exception cref="CheckpointUnavailableException">The fork failed; a retry helps later.</exception>
    public Task<CheckpointSession> ForkAsync(string newExecutionId, CancellationToken cancellationToken = default) => RunAsync(
        async () =>
        {
            var fork = new CheckpointSession(_client, newExecutionId, _options);
            if (_unsaved is not null)
            {
                await SaveUnsavedAsync(cancellationToken);
            }

            var origin = _saved ?? throw new InvalidOperationException("The session has taken no step and was not resumed; there is no checkpoint to fork.");
            var options = new SaveOptions { Durability = _options.Durability };
            var result = await _client.ForkAsync(origin.Key, newExecutionId, options, cancellationToken);
            fork.GoTo(origin with { ExecutionId = newExecutionId, ParentId = null, Sequence = result.Sequence }, result.Key.Id);
            return fork;
        },
        cancellationToken);

    /// <summary>
    /// Deletes all checkpoints of the execution, in all its namespaces, and goes back to the beginning. An unsaved step is
    /// dropped.
    /// </summary>
    /// <param name="cancellationToken">Stops waiting; the deletion goes on.</param>
    /// <exception cref="CheckpointUnavailableException">The deletion failed; a retry helps later.</exception>
    public Task ClearAsync(CancellationToken cancellationToken = default) => RunAsync(
        async () =>
        {
            var reached = await _client.ClearAsync(ExecutionId, _options.Durability, cancellationToken);
            GoTo(null, null);
            return reached;
        },
        cancellationToken);

    private async Task SettleAsync(CancellationToken cancellationToken)
    {
        if (_unsaved is not null && (_options.AutoSave || _isUnsavedTried))
        {
            await SaveUnsavedAsync(cancellationToken);
        }
    }

    private void GoTo(Checkpoint? checkpoint, string? latestId)
    {
        SetUnsaved(null);
        Volatile.Write(ref _saved, checkpoint is null ? null : checkpoint with { State = default });
        _fence = latestId ?? SaveOptions.EmptyStream;
        _lastSaveTimestamp = null;
    }
}
