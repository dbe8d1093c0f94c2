using System.Runtime.InteropServices;
using System.Text.Json;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// A checkpoint as langgraphgo writes it to Redis and to files: {"id", "node_name", "state", "metadata", "timestamp",
/// "version"}. The state is the value's own bytes.
/// </summary>
internal static class ForeignJson
{
    // langgraphgo's stores index by these, in this order of preference.
    private static readonly string[] ExecutionMembers = ["execution_id", "session_id", "thread_id", "workflow_id"];

    /// <summary>Reads one.</summary>
    /// <param name="json">The text.</param>
    /// <param name="locator">Where it is.</param>
    /// <param name="execution">The execution that its metadata name.</param>
    /// <exception cref="FormatException">It is not one.</exception>
    public static ForeignCheckpoint Read(ReadOnlyMemory<byte> json, string locator, out string? execution)
    {
        try
        {
            var root = JsonElement.Parse(json.Span);
            if (!ForeignTime.TryParse(Text(root, "timestamp"), out var time, out var nanoseconds))
            {
                throw new FormatException($"The timestamp is '{Text(root, "timestamp")}', which is not a time.");
            }

            var metadata = root.TryGetProperty("metadata", out var value) && value.ValueKind != JsonValueKind.Null ? value : (JsonElement?)null;
            execution = metadata is { ValueKind: JsonValueKind.Object } members
                ? ExecutionMembers.Select(name => Text(members, name)).FirstOrDefault(text => !string.IsNullOrEmpty(text))
                : null;
            var entry = new ForeignEntry(
                Text(root, "id") is { Length: > 0 } id ? id : throw new FormatException("It has no id."),
                time,
                nanoseconds,
                root.TryGetProperty("version", out var version) && version.TryGetInt64(out var number) ? number : 0,
                locator);
            if (!root.TryGetProperty("state", out var state))
            {
                throw new FormatException("It has no state.");
            }

            return new ForeignCheckpoint(entry, Text(root, "node_name") ?? "", JsonMarshal.GetRawUtf8Value(state).ToArray(), metadata?.GetRawText());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException($"It is not a checkpoint of langgraphgo: {e.Message}", e);
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
