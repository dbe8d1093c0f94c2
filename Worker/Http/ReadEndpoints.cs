using System.Globalization;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Loads one checkpoint: the state as the body, byte for byte, with the other fields in headers; or all of it as JSON
/// with <c>format=json</c>. The ETag is the sequence.
/// </summary>
internal static class ReadEndpoints
{
    public static async Task LoadLatestAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "namespace", "format");
        var (execution, ns) = (ApiPath.Read(context, "execution"), query.Text("namespace") ?? "");
        var checkpoint = await client.LoadLatestAsync(execution, ns, context.RequestAborted)
            ?? throw ApiException.NoCheckpoint($"Execution '{execution}' has no checkpoint in namespace '{ns}'.");
        await WriteAsync(context, checkpoint, AsJson(query));
    }

    public static async Task LoadAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "namespace", "format");
        var key = KeyOf(context, query);
        var checkpoint = await client.LoadAsync(key, context.RequestAborted) ?? throw new CheckpointNotFoundException(key);
        await WriteAsync(context, checkpoint, AsJson(query));
    }

    public static async Task ExistsAsync(HttpContext context, ICheckpointClient client)
    {
        var key = KeyOf(context, new ApiQuery(context, "namespace"));
        if (!await client.ExistsAsync(key, context.RequestAborted))
        {
            throw new CheckpointNotFoundException(key);
        }
    }

    public static CheckpointKey KeyOf(HttpContext context, ApiQuery query) =>
        new(ApiPath.Read(context, "execution"), query.Text("namespace") ?? "", ApiPath.Read(context, "id"));

    private static bool AsJson(ApiQuery query) => query.Word("format", "raw", "json") == 1;

    private static async Task WriteAsync(HttpContext context, Checkpoint checkpoint, bool asJson)
    {
        var response = context.Response;
        var tag = asJson ? $"\"{checkpoint.Sequence.ToString(CultureInfo.InvariantCulture)}-json\"" : CheckpointHeaders.ETagOf(checkpoint.Sequence);
        response.Headers.ETag = tag;
        response.Headers.CacheControl = "no-cache";
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(t => t.Tag == tag || t.Tag == "*"))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
        }
        else if (asJson)
        {
            await response.WriteAsJsonAsync(new CheckpointItem(checkpoint, includeState: true), ApiJson.Default.CheckpointItem, cancellationToken: context.RequestAborted);
        }
        else
        {
            CheckpointHeaders.Write(response, checkpoint);
            response.ContentLength = checkpoint.State.Length;
            await response.Body.WriteAsync(checkpoint.State, context.RequestAborted);
        }
    }
}
