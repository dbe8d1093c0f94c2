namespace AsyncCheckpoints;

/// <summary>
/// Saves and reads checkpoints. Thread-safe; one instance an application, from <c>AddAsyncCheckpoints</c>.
/// <para>
/// What every method may throw: <see cref="ArgumentException"/> for an argument out of bounds, at the call itself and not
/// when its task is awaited (a retry fails again; only a continuation token of a listing is looked at later);
/// <see cref="CheckpointUnavailableException"/> when what it needs cannot be reached in time (a retry helps later);
/// <see cref="CheckpointFormatException"/> when what is stored is damaged or of a newer version (a retry fails again); a
/// plain <see cref="CheckpointException"/> that is not transient when the archive refuses the request, or Redis is laid out
/// for another <see cref="CheckpointOptions.ShardCount"/> (a retry fails again until that is changed).
/// </para>
/// <para>
/// Once the host has stopped the client, saves and deletions are refused with <see cref="CheckpointUnavailableException"/>:
/// a hosted service that saves while it stops has to be registered after <c>AddAsyncCheckpoints</c>, since a host stops in
/// reverse.
/// </para>
/// </summary>
public interface ICheckpointClient
{
    /// <summary>
    /// Saves a checkpoint as the newest of its stream. The order of saves is the order of the calls of one caller, and the
    /// order in which Redis sees them between callers. Calls that find the buffer full may pass one another: there, order is
    /// that of calls that were awaited.
    /// </summary>
    /// <param name="checkpoint">The checkpoint. An empty id is made (UUIDv7), an empty time of creation is now.</param>
    /// <param name="options">The level to reach and what to check; null: the defaults.</param>
    /// <param name="cancellationToken">
    /// Stops waiting. A save that has started is never half applied: it goes on and completes in the background.
    /// </param>
    /// <returns>What was reached.</returns>
    /// <exception cref="CheckpointConflictException">
    /// <see cref="SaveOptions.ExpectedLatestId"/> is not the latest; load the latest and decide anew.
    /// </exception>
    /// <exception cref="CheckpointUnavailableException">
    /// The level was not reached in time: the save may still complete; saving the same id again is safe. Or it was not taken:
    /// the buffer is full (<see cref="CheckpointOptions.WhenBufferFull"/>), or the client is stopping.
    /// </exception>
    /// <exception cref="CheckpointException">
    /// The archive refused the checkpoint (<see cref="Durability.Persisted"/>), or Redis has another layout. Not transient.
    /// </exception>
    Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Hands a checkpoint to the buffer and returns at once: <see cref="Durability.Buffered"/> without waiting. What
    /// becomes of it shows in the metric of failed saves and in the log.
    /// <para>
    /// Nothing is copied: the checkpoint is encoded later, in the background, and nothing says when. So
    /// <see cref="Checkpoint.State"/> must never change after the call, nor go back to a pool, and
    /// <see cref="Checkpoint.Metadata"/> must own its memory (<see cref="System.Text.Json.JsonElement.Clone"/>): its
    /// document may not be disposed. Where that cannot be, <see cref="SaveAsync"/> with <see cref="Durability.Buffered"/>
    /// takes a copy. An id that is made is not told either; give one to be able to load the checkpoint by it.
    /// </para>
    /// </summary>
    /// <param name="checkpoint">The checkpoint, as in <see cref="SaveAsync"/>.</param>
    /// <returns>False when the buffer is full or the client is stopping: the save was not taken, and nobody makes up for it.</returns>
    bool TrySave(Checkpoint checkpoint);

    /// <summary>One checkpoint, from Redis or else from the archive.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <returns>The checkpoint; null when there is none.</returns>
    /// <exception cref="CheckpointFormatException">What is stored is damaged, or of a newer version; a retry fails again.</exception>
    /// <exception cref="CheckpointException">The archive refused the request, or Redis has another layout. Not transient.</exception>
    Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken = default);

    /// <summary>The newest checkpoint of a stream, from Redis or else from the archive.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="namespace">The namespace inside it.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <returns>The checkpoint; null when the stream is empty.</returns>
    /// <exception cref="CheckpointFormatException">What is stored is damaged, or of a newer version; a retry fails again.</exception>
    /// <exception cref="CheckpointException">The archive refused the request, or Redis has another layout. Not transient.</exception>
    Task<Checkpoint?> LoadLatestAsync(string executionId, string @namespace = "", CancellationToken cancellationToken = default);

    /// <summary>Lists an execution's checkpoints: the union of Redis and the archive, in sequence order.</summary>
    /// <param name="query">What to list.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <exception cref="CheckpointFormatException">What is stored is damaged, or of a newer version; a retry fails again.</exception>
    /// <exception cref="CheckpointException">The archive refused the request, or Redis has another layout. Not transient.</exception>
    Task<CheckpointPage> ListAsync(CheckpointQuery query, CancellationToken cancellationToken = default);

    /// <summary>Lists the executions that have checkpoints, in UTF-8 byte order.</summary>
    /// <param name="prefix">Only ids that start with this.</param>
    /// <param name="limit">The most ids on one page; 1 to 1,000.</param>
    /// <param name="continuationToken">The token of the page before; null for the first.</param>
    /// <param name="contains">
    /// Only ids that have this in them. There is no index for that: a page looks at some 10,000 ids, so it may have few
    /// items, or none, while others follow. Narrow it with a prefix where there are very many.
    /// </param>
    /// <param name="cancellationToken">Stops the read.</param>
    Task<ExecutionPage> ListExecutionsAsync(
        string prefix = "", int limit = 100, string? continuationToken = null, string contains = "", CancellationToken cancellationToken = default);

    /// <summary>Whether a checkpoint exists, without its state.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    Task<bool> ExistsAsync(CheckpointKey key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Deletes a checkpoint, in Redis and in the archive. What was saved before stays deleted, whatever is redelivered;
    /// a later save of the same id is welcome. Deleting what does not exist is no error.
    /// </summary>
    /// <param name="key">Its key.</param>
    /// <param name="durability">The level to reach; null: the default. <see cref="Durability.Buffered"/> counts as <see cref="Durability.Cached"/>.</param>
    /// <param name="cancellationToken">Stops waiting; the deletion goes on.</param>
    /// <returns>The level that holds now.</returns>
    Task<Durability> DeleteAsync(CheckpointKey key, Durability? durability = null, CancellationToken cancellationToken = default);

    /// <summary>Deletes all checkpoints of an execution, in all namespaces; otherwise as <see cref="DeleteAsync"/>.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="durability">The level to reach; null: the default.</param>
    /// <param name="cancellationToken">Stops waiting; the deletion goes on.</param>
    /// <returns>The level that holds now.</returns>
    Task<Durability> ClearAsync(string executionId, Durability? durability = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Starts a new execution from a checkpoint: a copy of it, with the same id, becomes the first of the same namespace
    /// there. Its metadata names the origin in <c>forkedFrom</c>. Repeating the same fork changes nothing.
    /// </summary>
    /// <param name="source">The checkpoint to start from.</param>
    /// <param name="newExecutionId">The new execution; it must have no checkpoint in that namespace.</param>
    /// <param name="options">
    /// The level to reach; <see cref="Durability.Buffered"/> counts as <see cref="Durability.Cached"/>.
    /// <see cref="SaveOptions.ExpectedLatestId"/> is not looked at: it is <see cref="SaveOptions.EmptyStream"/>.
    /// </param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The copy's save.</returns>
    /// <exception cref="CheckpointNotFoundException">The source does not exist.</exception>
    /// <exception cref="CheckpointFormatException">The source is damaged, or of a newer version; a retry fails again.</exception>
    /// <exception cref="CheckpointConflictException">The new execution has checkpoints already.</exception>
    /// <exception cref="ArgumentException">An id is not valid; or, from the task, the metadata with the origin are too long.</exception>
    Task<SaveResult> ForkAsync(
        CheckpointKey source, string newExecutionId, SaveOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Waits until everything that was saved before is queued (or held by Redis while the broker is away); in the embedded
    /// worker, whose queue is memory, until it is archived. It has no timeout of its own.
    /// </summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task FlushAsync(CancellationToken cancellationToken = default);
}
