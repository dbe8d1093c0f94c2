using System.Text.Json;
using System.Text.Json.Serialization;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>The answer to a save or fork.</summary>
internal sealed record SaveResponse(string ExecutionId, string Namespace, string Id, long Sequence, Durability Reached, bool Cached, bool Unchanged)
{
    public SaveResponse(SaveResult result)
        : this(result.Key.ExecutionId, result.Key.Namespace, result.Key.Id, result.Sequence, result.Reached, result.Cached, result.Unchanged)
    {
    }
}

/// <summary>The answer to the deletion of a checkpoint.</summary>
internal sealed record DeleteResponse(string ExecutionId, string Namespace, string Id, Durability Reached);

/// <summary>The answer to the deletion of an execution.</summary>
internal sealed record ClearResponse(string ExecutionId, Durability Reached);

/// <summary>A checkpoint as JSON; the state in base64, and only where it was asked for.</summary>
internal sealed record CheckpointItem(
    string ExecutionId,
    string Namespace,
    string Id,
    string? ParentId,
    long Sequence,
    string Node,
    long Version,
    string ContentType,
    DateTimeOffset CreatedAt,
    JsonElement? Metadata,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ReadOnlyMemory<byte>? State)
{
    public CheckpointItem(Checkpoint c, bool includeState)
        : this(
            c.ExecutionId, c.Namespace, c.Id, c.ParentId, c.Sequence, c.NodeName, c.Version, c.ContentType, c.CreatedAt, c.Metadata, includeState ? (ReadOnlyMemory<byte>?)c.State : null)
    {
    }
}

/// <summary>One page of a listing.</summary>
internal sealed record CheckpointItems(IReadOnlyList<CheckpointItem> Items, string? ContinuationToken);

/// <summary>How the API writes JSON.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, Converters = [typeof(DurabilityConverter)])]
[JsonSerializable(typeof(SaveResponse))]
[JsonSerializable(typeof(DeleteResponse))]
[JsonSerializable(typeof(ClearResponse))]
[JsonSerializable(typeof(CheckpointItem))]
[JsonSerializable(typeof(CheckpointItems))]
[JsonSerializable(typeof(ExecutionPage))]
[JsonSerializable(typeof(JobItem))]
[JsonSerializable(typeof(JobItems))]
[JsonSerializable(typeof(FindingItems))]
[JsonSerializable(typeof(DeadLetterItem))]
[JsonSerializable(typeof(DeadLetterItems))]
[JsonSerializable(typeof(StatsResponse))]
[JsonSerializable(typeof(HistoryResponse))]
[JsonSerializable(typeof(AuditItems))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>Levels as in the query: "persisted".</summary>
    private sealed class DurabilityConverter() : JsonStringEnumConverter<Durability>(JsonNamingPolicy.CamelCase);
}
