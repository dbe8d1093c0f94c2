using System.Text.Json;

namespace AsyncCheckpoints;

/// <summary>A snapshot of a running execution that lets it resume. Immutable; safe to share between threads.</summary>
public sealed record Checkpoint
{
    /// <summary>The resumable stream that the checkpoint belongs to. 1 to 256 characters, no control characters.</summary>
    public required string ExecutionId { get; init; }

    /// <summary>A sub-stream inside the execution, such as a subgraph. Up to 256 characters, no control characters.</summary>
    /// <value>The default value is "".</value>
    public string Namespace { get; init; } = "";

    /// <summary>
    /// Unique inside (execution, namespace). Up to 256 characters, no control characters. Saving an id again with the
    /// same content changes nothing while the cache holds it; otherwise, or with other content, it replaces the checkpoint
    /// and moves it to the end of the order.
    /// </summary>
    /// <value>The default value is "": the client makes a UUIDv7 when it saves.</value>
    public string Id { get; init; } = "";

    /// <summary>The checkpoint that this one continues from, if any. 1 to 256 characters, no control characters.</summary>
    public string? ParentId { get; init; }

    /// <summary>
    /// The place in the order of saves of (execution, namespace): strictly rising, not a count. Set when the checkpoint is
    /// saved; what a caller puts here is ignored.
    /// </summary>
    public long Sequence { get; init; }

    /// <summary>The step that made the checkpoint. Up to 256 characters, no control characters.</summary>
    /// <value>The default value is "".</value>
    public string NodeName { get; init; } = "";

    /// <summary>The caller's own number, kept as given. Nothing is ordered by it.</summary>
    public long Version { get; init; }

    /// <summary>
    /// Opaque bytes; what is loaded equals what was saved. Up to 16 MiB by default. The memory must not change before the
    /// save has completed: it is not copied on the hot path.
    /// </summary>
    public ReadOnlyMemory<byte> State { get; init; }

    /// <summary>The media type of <see cref="State"/>. 1 to 256 characters, no control characters.</summary>
    /// <value>The default value is "application/octet-stream".</value>
    public string ContentType { get; init; } = "application/octet-stream";

    /// <summary>
    /// A JSON object to filter by, flat or nested; up to 64 KiB of JSON text. Stored as JSON, not as text: the order of
    /// members and white space may change.
    /// </summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>When the checkpoint was made; UTC, microseconds. Information only: order is <see cref="Sequence"/>.</summary>
    /// <value>The default value stands for the moment of the save.</value>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The checkpoint's key.</summary>
    public CheckpointKey Key => new(ExecutionId, Namespace, Id);
}
