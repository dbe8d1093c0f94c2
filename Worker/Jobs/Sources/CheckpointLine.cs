using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>A checkpoint as one line of JSON: the fields of the HTTP API, the state in base64, its SHA-256 in hexadecimal.</summary>
internal static class CheckpointLine
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The longest line, in characters: a state in base64, with room for everything else.</summary>
    /// <param name="maxStateBytes">The largest state.</param>
    public static int MaxLength(int maxStateBytes) => (int)Math.Min(Array.MaxLength, (maxStateBytes * 4L / 3) + (1024 * 1024));

    /// <summary>Writes a line.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    public static void Write(ArrayBufferWriter<byte> target, Checkpoint checkpoint)
    {
        using (var writer = new Utf8JsonWriter(target, Relaxed))
        {
            writer.WriteStartObject();
            writer.WriteString("executionId", checkpoint.ExecutionId);
            writer.WriteString("namespace", checkpoint.Namespace);
            writer.WriteString("id", checkpoint.Id);
            if (checkpoint.ParentId is { } parent)
            {
                writer.WriteString("parentId", parent);
            }

            writer.WriteNumber("sequence", checkpoint.Sequence);
            writer.WriteString("node", checkpoint.NodeName);
            writer.WriteNumber("version", checkpoint.Version);
            writer.WriteString("contentType", checkpoint.ContentType);
            writer.WriteString("createdAt", checkpoint.CreatedAt.UtcDateTime);
            if (checkpoint.Metadata is { } metadata)
            {
                writer.WritePropertyName("metadata");
                metadata.WriteTo(writer);
            }

            writer.WriteBase64String("state", checkpoint.State.Span);
            writer.WriteString("stateSha256", Convert.ToHexStringLower(SHA256.HashData(checkpoint.State.Span)));
            writer.WriteEndObject();
        }

        target.Write("\n"u8);
    }

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="maxStateBytes">The largest state.</param>
    /// <exception cref="CheckpointFormatException">It is not one.</exception>
    public static Checkpoint Read(string line, int maxStateBytes)
    {
        try
        {
            var root = JsonElement.Parse(line);
            var checkpoint = new Checkpoint
            {
                ExecutionId = Text(root, "executionId") ?? "",
                Namespace = Text(root, "namespace") ?? "",
                Id = Text(root, "id") ?? "",
                ParentId = Text(root, "parentId"),
                Sequence = root.GetProperty("sequence").GetInt64(),
                NodeName = Text(root, "node") ?? "",
                Version = root.TryGetProperty("version", out var version) ? version.GetInt64() : 0,
                ContentType = Text(root, "contentType") ?? "application/octet-stream",
                CreatedAt = root.GetProperty("createdAt").GetDateTimeOffset().ToUniversalTime(),
                Metadata = root.TryGetProperty("metadata", out var metadata) && metadata.ValueKind != JsonValueKind.Null
                    ? CheckpointCodec.ParseMetadata(metadata.GetRawText())
                    : null,
                State = root.GetProperty("state").GetBytesFromBase64(),
            };
            CheckpointLimits.Validate(checkpoint, maxStateBytes);
            CheckpointLimits.Validate(checkpoint.Key);
            if (Text(root, "stateSha256") is { } hash && !hash.Equals(Convert.ToHexStringLower(SHA256.HashData(checkpoint.State.Span)), StringComparison.OrdinalIgnoreCase))
            {
                throw new CheckpointFormatException("The state does not match its SHA-256.");
            }

            return checkpoint;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CheckpointFormatException($"The line is not a checkpoint: {e.Message}", e);
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetString() : null;
}
