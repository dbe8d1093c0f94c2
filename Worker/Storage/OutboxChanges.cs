using System.Text.Json;
using System.Text.Json.Serialization;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// The column "changes": a JSON array of {"x": execution, "n": namespace, "c": checkpoint id, "s": sequence,
/// "node": step, "d": deletion}. PostgreSQL makes the same text in SQL.
/// </summary>
internal static partial class OutboxChanges
{
    /// <summary>As stored.</summary>
    /// <param name="changes">The changes.</param>
    public static string ToJson(IEnumerable<OutboxChange> changes) => JsonSerializer.Serialize(
        changes.Select(c => new Row(c.ExecutionId, c.Namespace, c.Id, c.Sequence, c.NodeName, c.IsDeletion)).ToArray(),
        Json.Default.RowArray);

    /// <summary>As they were.</summary>
    /// <param name="json">What is stored.</param>
    public static IReadOnlyList<OutboxChange> FromJson(string json) =>
        Array.ConvertAll(
            JsonSerializer.Deserialize(json, Json.Default.RowArray)!,
            r => new OutboxChange(r.Deletion, r.ExecutionId, r.Namespace, r.Id, r.Sequence, r.NodeName));

    internal sealed record Row(
        [property: JsonPropertyName("x")] string ExecutionId,
        [property: JsonPropertyName("n")] string? Namespace,
        [property: JsonPropertyName("c")] string? Id,
        [property: JsonPropertyName("s")] long Sequence,
        [property: JsonPropertyName("node")] string NodeName,
        [property: JsonPropertyName("d")] bool Deletion);

    [JsonSerializable(typeof(Row[]))]
    private sealed partial class Json : JsonSerializerContext;
}
