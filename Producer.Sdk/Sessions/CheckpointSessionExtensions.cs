using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace AsyncCheckpoints;

/// <summary>Opens sessions, and takes steps whose state is serialised by reflection.</summary>
public static class CheckpointSessionExtensions
{
    /// <summary>
    /// Opens a session on an execution, at its beginning: the first step has no parent. Nothing is read or written; call
    /// <see cref="CheckpointSession.ResumeAsync(CancellationToken)"/> to go on where the execution was left.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="executionId">The execution. 1 to 256 characters, no control characters.</param>
    /// <param name="options">How to save; null: the defaults.</param>
    /// <exception cref="ArgumentException">A value is out of bounds; every one is named. A retry fails again.</exception>
    public static CheckpointSession OpenSession(this ICheckpointClient client, string executionId, CheckpointSessionOptions? options = null) =>
        new(client, executionId, (options ?? new CheckpointSessionOptions()).Copy());

    // No method of the session: those come first, so that bytes of every kind stay bytes.

    /// <summary>Takes a step whose state is an object, as JSON by reflection; otherwise as the overload with bytes.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="session">The session.</param>
    /// <param name="nodeName">The step's name. Up to 256 characters, no control characters.</param>
    /// <param name="state">The state after the step.</param>
    /// <param name="serializerOptions">How to serialise it; null: the web defaults.</param>
    /// <param name="metadata">A JSON object to filter by, up to 64 KiB; null: none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What became of the step.</returns>
    /// <exception cref="ArgumentException">
    /// A value is out of bounds, or the state is bytes or an argument of the call; the step is not taken, a retry fails again.
    /// </exception>
    /// <exception cref="NotSupportedException">The type cannot be serialised.</exception>
    /// <exception cref="CheckpointConflictException">Another writer was faster; the step is not taken. Resume, then decide anew.</exception>
    /// <exception cref="CheckpointUnavailableException">The save failed; a retry helps later.</exception>
    [RequiresUnreferencedCode(CheckpointJsonExtensions.Reflection)]
    [RequiresDynamicCode(CheckpointJsonExtensions.Reflection)]
    public static Task<SessionStep> StepAsync<T>(
        this CheckpointSession session,
        string nodeName,
        T state,
        JsonSerializerOptions? serializerOptions = null,
        JsonElement? metadata = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        var json = CheckpointJsonExtensions.ToJson(state, serializerOptions, CheckpointSession.ForBytes);
        return session.StepAsync(nodeName, json, CheckpointJsonExtensions.JsonContentType, metadata, cancellationToken);
    }
}
