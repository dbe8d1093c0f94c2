using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Saves and forks. 201 with the result; 200 when the same id with the same content was there already; 202 when it is
/// only buffered.
/// </summary>
internal static class SaveEndpoints
{
    private const string DefaultContentType = "application/octet-stream";

    public static Task SaveAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(
            context, "namespace", "id", "parentId", "node", "version", "createdAt", "metadata", "durability", "expectedLatestId", "strict");
        return query.Text("id") is ""
            ? throw new ArgumentException("Query parameter 'id' is ''; 1 to 256 characters are allowed, or none at all to have an id made.", "id")
            : SaveAsync(context, client, query, query.Text("id") ?? "");
    }

    public static Task PutAsync(HttpContext context, ICheckpointClient client) => SaveAsync(
        context,
        client,
        new ApiQuery(context, "namespace", "parentId", "node", "version", "createdAt", "metadata", "durability", "expectedLatestId", "strict"),
        ApiPath.Read(context, "id"));

    public static async Task ForkAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "to", "namespace", "durability", "strict");
        var source = new CheckpointKey(ApiPath.Read(context, "execution"), query.Text("namespace") ?? "", ApiPath.Read(context, "id"));
        var options = new SaveOptions { Durability = query.Durability("durability"), Strict = query.Flag("strict") ?? false };
        await WriteAsync(context, await client.ForkAsync(source, query.RequiredText("to"), options, context.RequestAborted));
    }

    private static async Task SaveAsync(HttpContext context, ICheckpointClient client, ApiQuery query, string id)
    {
        var maxStateBytes = context.RequestServices.GetRequiredService<IOptions<CheckpointOptions>>().Value.MaxStateBytes;
        var checkpoint = new Checkpoint
        {
            ExecutionId = ApiPath.Read(context, "execution"),
            Namespace = query.Text("namespace") ?? "",
            Id = id,
            ParentId = query.Text("parentId"),
            NodeName = query.Text("node") ?? "",
            Version = query.Number("version") ?? 0,
            CreatedAt = query.Time("createdAt") ?? default,
            ContentType = context.Request.ContentType is { Length: > 0 } type ? type : DefaultContentType,
            Metadata = ReadMetadata(context, query),
        };
        var options = new SaveOptions
        {
            Durability = query.Durability("durability"),
            ExpectedLatestId = query.Text("expectedLatestId"),
            Strict = query.Flag("strict") ?? false,
        };
        // Before the body, which may be large.
        if (id.Length > 0)
        {
            CheckpointLimits.ValidateId(id, nameof(Checkpoint.Id));
        }

        CheckpointLimits.Validate(checkpoint);
        checkpoint = checkpoint with { State = await StateBody.ReadAsync(context, maxStateBytes) };
        await WriteAsync(context, await client.SaveAsync(checkpoint, options, context.RequestAborted));
    }

    private static JsonElement? ReadMetadata(HttpContext context, ApiQuery query)
    {
        var headers = context.Request.Headers[CheckpointHeaders.Metadata];
        return headers.Count switch
        {
            0 => query.Json("metadata"),
            1 when query.Text("metadata") is null => ApiQuery.ParseJson(CheckpointHeaders.Metadata, headers[0] ?? ""),
            _ => throw new ArgumentException($"Metadata is given {headers.Count + (query.Text("metadata") is null ? 0 : 1)} times; once is allowed.", "metadata"),
        };
    }

    private static Task WriteAsync(HttpContext context, SaveResult result)
    {
        var response = context.Response;
        response.StatusCode = result switch
        {
            { Reached: Durability.Buffered } => StatusCodes.Status202Accepted,
            { Unchanged: true } => StatusCodes.Status200OK,
            _ => StatusCodes.Status201Created,
        };
        response.Headers.Location = CheckpointHeaders.LocationOf(context, result.Key);
        if (result.Sequence > 0)
        {
            response.Headers.ETag = CheckpointHeaders.ETagOf(result.Sequence);
        }

        return response.WriteAsJsonAsync(new SaveResponse(result), ApiJson.Default.SaveResponse, cancellationToken: context.RequestAborted);
    }
}
