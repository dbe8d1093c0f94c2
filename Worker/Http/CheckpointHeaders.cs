using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>A checkpoint's fields as headers. Texts are percent-encoded UTF-8; metadata is ASCII JSON (others as \uXXXX).</summary>
internal static class CheckpointHeaders
{
    /// <summary>Metadata, in requests and responses.</summary>
    public const string Metadata = "Checkpoint-Metadata";

    /// <summary>
    /// The longest <see cref="Metadata"/> in a response, in characters: clients bound the headers that they take. Longer
    /// metadata is left out, <c>Checkpoint-Metadata-Omitted</c> says its length, and <c>format=json</c> returns it.
    /// </summary>
    private const int MaxMetadataLength = 16 * 1024;

    private const string FallbackContentType = "application/octet-stream";

    private static readonly JsonWriterOptions Ascii = new() { Encoder = JavaScriptEncoder.Default };

    public static string ETagOf(long sequence) => $"\"{sequence.ToString(CultureInfo.InvariantCulture)}\"";

    public static string LocationOf(HttpContext context, CheckpointKey key)
    {
        var path = $"{context.Request.PathBase.ToUriComponent()}/executions/{PercentText.EncodeSegment(key.ExecutionId)}/checkpoints/{PercentText.EncodeSegment(key.Id)}";
        return key.Namespace.Length == 0 ? path : $"{path}?namespace={Uri.EscapeDataString(key.Namespace)}";
    }

    /// <summary>Sets the headers of a response with a checkpoint's state as its body.</summary>
    public static void Write(HttpResponse response, Checkpoint checkpoint)
    {
        var headers = response.Headers;
        headers["Checkpoint-Execution"] = Uri.EscapeDataString(checkpoint.ExecutionId);
        headers["Checkpoint-Namespace"] = Uri.EscapeDataString(checkpoint.Namespace);
        headers["Checkpoint-Id"] = Uri.EscapeDataString(checkpoint.Id);
        headers["Checkpoint-Sequence"] = checkpoint.Sequence.ToString(CultureInfo.InvariantCulture);
        headers["Checkpoint-Node"] = Uri.EscapeDataString(checkpoint.NodeName);
        headers["Checkpoint-Version"] = checkpoint.Version.ToString(CultureInfo.InvariantCulture);
        headers["Checkpoint-Created-At"] = checkpoint.CreatedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        if (checkpoint.ParentId is { } parent)
        {
            headers["Checkpoint-Parent-Id"] = Uri.EscapeDataString(parent);
        }

        if (checkpoint.Metadata is { } metadata)
        {
            WriteMetadata(headers, metadata);
        }

        if (IsHeaderText(checkpoint.ContentType))
        {
            response.ContentType = checkpoint.ContentType;
        }
        else
        {
            response.ContentType = FallbackContentType;
            headers["Checkpoint-Content-Type"] = Uri.EscapeDataString(checkpoint.ContentType);
        }

        // A state is whatever was saved: a browser must not run it as a page of this origin.
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
    }

    private static void WriteMetadata(IHeaderDictionary headers, JsonElement metadata)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, Ascii))
        {
            metadata.WriteTo(writer);
        }

        if (json.Length > MaxMetadataLength)
        {
            headers["Checkpoint-Metadata-Omitted"] = json.Length.ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            headers[Metadata] = Encoding.ASCII.GetString(json.GetBuffer(), 0, (int)json.Length);
        }
    }

    private static bool IsHeaderText(string text) =>
        !text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !char.IsWhiteSpace(text[0]) && !char.IsWhiteSpace(text[^1]);
}
