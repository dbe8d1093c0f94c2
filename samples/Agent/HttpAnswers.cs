using System.Net;
using System.Text.Json;

namespace AsyncCheckpoints.Samples.Agent;

/// <summary>What the API's JSON means.</summary>
internal static class HttpAnswers
{
    public static string? Level(Durability? durability) => durability switch
    {
        null => null,
        Durability.Buffered => "buffered",
        Durability.Cached => "cached",
        Durability.Queued => "queued",
        _ => "persisted",
    };

    public static Checkpoint ToCheckpoint(JsonElement item) => new()
    {
        ExecutionId = item.GetProperty("executionId").GetString()!,
        Namespace = item.GetProperty("namespace").GetString()!,
        Id = item.GetProperty("id").GetString()!,
        ParentId = item.GetProperty("parentId").GetString(),
        Sequence = item.GetProperty("sequence").GetInt64(),
        NodeName = item.GetProperty("node").GetString()!,
        Version = item.GetProperty("version").GetInt64(),
        ContentType = item.GetProperty("contentType").GetString()!,
        CreatedAt = item.GetProperty("createdAt").GetDateTimeOffset(),
        Metadata = item.GetProperty("metadata") is { ValueKind: JsonValueKind.Object } metadata ? metadata : null,
        State = item.TryGetProperty("state", out var state) ? state.GetBytesFromBase64() : default(ReadOnlyMemory<byte>),
    };

    public static SaveResult ToResult(JsonElement answer) => new(
        new CheckpointKey(answer.GetProperty("executionId").GetString()!, answer.GetProperty("namespace").GetString()!, answer.GetProperty("id").GetString()!),
        answer.GetProperty("sequence").GetInt64(),
        Enum.Parse<Durability>(answer.GetProperty("reached").GetString()!, ignoreCase: true),
        answer.GetProperty("cached").GetBoolean(),
        answer.GetProperty("unchanged").GetBoolean());

    public static Exception ToException(HttpStatusCode status, JsonElement problem, CheckpointKey key, string? expectedLatestId)
    {
        var message = problem.TryGetProperty("detail", out var detail) ? detail.GetString()! : $"The worker answered {status}.";
        return status switch
        {
            HttpStatusCode.Conflict => new CheckpointConflictException(key, expectedLatestId ?? "", problem.GetProperty("actualLatestId").GetString()),
            HttpStatusCode.ServiceUnavailable => new CheckpointUnavailableException(message),
            HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge => new ArgumentException(message, nameof(problem)),
            _ => new CheckpointException(message, isTransient: false),
        };
    }
}
