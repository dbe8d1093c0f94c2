using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Sessions;

namespace AsyncCheckpoints;

/// <summary>
/// One execution's way through its steps: saves a checkpoint after each, each the child of the one before, and resumes at
/// the latest or, as time travel, at any other. From <see cref="CheckpointSessionExtensions.OpenSession"/>.
/// <para>
/// Thread-safe: calls take effect one after the other. A session is one writer, though; whether two sessions on one
/// execution may interleave is what <see cref="CheckpointSessionOptions.FenceWriters"/> decides.
/// </para>
/// <para>
/// A save that fails surfaces in the call that made it. Where it may still have reached a part
/// (<see cref="CheckpointUnavailableException"/>, a cancelled wait), the step stays the not-yet-saved newest one, and the
/// next call saves it first, under the same id, before it does anything else: so steps neither vanish nor appear twice. A
/// step that was refused (an argument out of bounds, a conflict) is not taken: the session is where it was before.
/// </para>
/// </summary>
public sealed partial class CheckpointSession : IAsyncDisposable
{
    internal const string ForBytes = "call the overload that takes bytes";

    private readonly ICheckpointClient _client;
    private readonly CheckpointSessionOptions _options;
    private readonly StreamTrimmer _trimmer;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private Checkpoint? _saved;
    private string _fence = SaveOptions.EmptyStream;
    private Checkpoint? _unsaved;
    private bool _isUnsavedTried;
    private bool _isDisposed;

    internal CheckpointSession(ICheckpointClient client, string executionId, CheckpointSessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(client);
        CheckpointLimits.ValidateId(executionId, nameof(executionId));
        CheckpointSessionOptionsValidator.Validate(options);
        _client = client;
        _options = options;
        _trimmer = new StreamTrimmer(client, executionId, options);
        ExecutionId = executionId;
        if (options.SaveInterval > TimeSpan.Zero)
        {
            _timer = options.TimeProvider.CreateTimer(OnIntervalPassed, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The execution.</summary>
    public string ExecutionId { get; }

    /// <summary>The namespace inside the execution.</summary>
    public string Namespace => _options.Namespace;

    /// <summary>
    /// The newest step, or the checkpoint that was resumed at; <see langword="null"/> at the beginning. Its state is left
    /// out once it is saved.
    /// </summary>
    public Checkpoint? Current => Volatile.Read(ref _unsaved) ?? Volatile.Read(ref _saved);

    /// <summary>Whether the newest step is not (known to be) saved.</summary>
    public bool HasUnsavedStep => Volatile.Read(ref _unsaved) is not null;

    /// <summary>Takes a step whose state is an object, as JSON; otherwise as the overload with bytes.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="nodeName">The step's name. Up to 256 characters, no control characters.</param>
    /// <param name="state">The state after the step.</param>
    /// <param name="typeInfo">How to serialise it.</param>
    /// <param name="metadata">A JSON object to filter by, up to 64 KiB; null: none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What became of the step.</returns>
    /// <exception cref="ArgumentException">
    /// A value is out of bounds, or the state is bytes or an argument of the call; the step is not taken, a retry fails again.
    /// </exception>
    /// <exception cref="NotSupportedException">The type cannot be serialised.</exception>
    /// <exception cref="CheckpointConflictException">Another writer was faster; the step is not taken. Resume, then decide anew.</exception>
    /// <exception cref="CheckpointUnavailableException">The save failed; a retry helps later.</exception>
    public Task<SessionStep> StepAsync<T>(
        string nodeName, T state, JsonTypeInfo<T> typeInfo, JsonElement? metadata = null, CancellationToken cancellationToken = default) =>
        StepAsync(
            nodeName, CheckpointJsonExtensions.ToJson(state, typeInfo, ForBytes), CheckpointJsonExtensions.JsonContentType, metadata, cancellationToken);

    /// <summary>
    /// Takes a step: its checkpoint is the child of the last one that was saved or resumed at, and its version one above
    /// the step before.
    /// </summary>
    /// <param name="nodeName">The step's name. Up to 256 characters, no control characters.</param>
    /// <param name="state">The state after the step. It may be changed once the call has returned.</param>
    /// <param name="contentType">The state's media type.</param>
    /// <param name="metadata">A JSON object to filter by, up to 64 KiB; null: none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What became of the step.</returns>
    /// <exception cref="ArgumentException">A value is out of bounds; the step is not taken, a retry fails again.</exception>
    /// <exception cref="CheckpointConflictException">Another writer was faster; the step is not taken. Resume, then decide anew.</exception>
    /// <exception cref="CheckpointUnavailableException">
    /// The save failed, of this step or of the one before that is tried again first (then <see cref="Current"/> is that one,
    /// and this step is not taken). A retry helps later: of <see cref="SaveAsync"/> for this step, of this call for the next.
    /// </exception>
    public Task<SessionStep> StepAsync(
        string nodeName,
        ReadOnlyMemory<byte> state,
        string contentType = "application/octet-stream",
        JsonElement? metadata = null,
        CancellationToken cancellationToken = default) => RunAsync(
            async () =>
            {
                if (_isUnsavedTried)
                {
                    await SaveUnsavedAsync(cancellationToken);
                }

                var now = _options.TimeProvider.GetUtcNow();
                var step = new Checkpoint
                {
                    ExecutionId = ExecutionId,
                    Namespace = Namespace,
                    Id = Guid.CreateVersion7(now).ToString(),
                    ParentId = _saved?.Id,
                    NodeName = nodeName,
                    Version = (Current?.Version ?? 0) + 1,
                    State = state,
                    ContentType = contentType,
                    Metadata = metadata,
                    CreatedAt = now,
                };
                CheckpointLimits.Validate(step, int.MaxValue);
                if (!IsSaveDue())
                {
                    Volatile.Write(ref _unsaved, step.WithOwnMemory());
                    ArmTimer();
                    return new SessionStep(step, null);
                }

                var held = _unsaved;
                Volatile.Write(ref _unsaved, step);
                try
                {
                    return await SaveUnsavedAsync(cancellationToken);
                }
                catch (ArgumentException)
                {
                    SetUnsaved(held);
                    ArmTimer();
                    throw;
                }
            },
            cancellationToken);

    /// <summary>Saves the newest step if it is not saved yet.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What became of the step; null when there was nothing to save.</returns>
    /// <exception cref="CheckpointConflictException">Another writer was faster; the step is dropped. Resume, then decide anew.</exception>
    /// <exception cref="CheckpointUnavailableException">The save failed; the step is kept, a retry helps later.</exception>
    public Task<SessionStep?> SaveAsync(CancellationToken cancellationToken = default) =>
        RunAsync(async () => _unsaved is null ? null : await SaveUnsavedAsync(cancellationToken), cancellationToken);

    /// <summary>
    /// Saves the newest step if it is not saved yet, cuts the stream to
    /// <see cref="CheckpointSessionOptions.MaxCheckpoints"/>, and waits until all of it is queued.
    /// </summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="CheckpointConflictException">Another writer was faster; the step is dropped. Resume, then decide anew.</exception>
    /// <exception cref="CheckpointUnavailableException">A save or deletion failed; a retry helps later.</exception>
    public Task FlushAsync(CancellationToken cancellationToken = default) => RunAsync<object?>(
        async () =>
        {
            if (_unsaved is not null)
            {
                await SaveUnsavedAsync(cancellationToken);
            }

            await _client.FlushAsync(cancellationToken);
            // A buffered save was not to be seen when the stream was cut after it.
            if ((_trimmer.IsDue || _options.Durability == Durability.Buffered)
                && await _trimmer.TryRunAsync(cancellationToken) is { } failure)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            }

            return null;
        },
        cancellationToken);

    /// <summary>
    /// Ends the session. A step that <see cref="CheckpointSessionOptions.SaveInterval"/> still holds back, or whose save
    /// has failed, is saved now.
    /// </summary>
    /// <exception cref="CheckpointException">That save failed: the step is not (known to be) saved.</exception>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            if (_timer is not null)
            {
                await _timer.DisposeAsync();
            }

            if (_unsaved is not null && (_options.AutoSave || _isUnsavedTried))
            {
                await SaveUnsavedAsync(CancellationToken.None);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<T> RunAsync<T>(Func<Task<T>> operation, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return await operation();
        }
        finally
        {
            _gate.Release();
        }
    }
}
