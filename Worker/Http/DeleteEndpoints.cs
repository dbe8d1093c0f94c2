using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Deletes a checkpoint or a whole execution, and says which level was reached. Deleting the unknown is no error. Both are
/// in the audit trail; a deletion does not fail because the archive that holds the trail is away.
/// </summary>
internal static partial class DeleteEndpoints
{
    public static async Task DeleteAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "namespace", "durability");
        var key = ReadEndpoints.KeyOf(context, query);
        var reached = await client.DeleteAsync(key, query.Durability("durability"), context.RequestAborted);
        await AuditAsync(context, "checkpoint.delete", key.ExecutionId, key.Namespace.Length == 0 ? key.Id : $"{key.Namespace} {key.Id}");
        await context.Response.WriteAsJsonAsync(
            new DeleteResponse(key.ExecutionId, key.Namespace, key.Id, reached), ApiJson.Default.DeleteResponse, cancellationToken: context.RequestAborted);
    }

    public static async Task ClearAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "durability");
        var execution = ApiPath.Read(context, "execution");
        var reached = await client.ClearAsync(execution, query.Durability("durability"), context.RequestAborted);
        await AuditAsync(context, "execution.clear", execution, "");
        await context.Response.WriteAsJsonAsync(new ClearResponse(execution, reached), ApiJson.Default.ClearResponse, cancellationToken: context.RequestAborted);
    }

    // Not cut off with the request: what is done is to be written down.
    private static async Task AuditAsync(HttpContext context, string action, string subject, string detail)
    {
        // An application that maps the API without a worker has no trail.
        if (context.RequestServices.GetService<IJobStore>() is not { } store)
        {
            return;
        }

        try
        {
            await store.AddAuditAsync(new AuditEntry(JobEndpoints.ActorOf(context), action, subject, detail), CancellationToken.None);
        }
        catch (Exception e) when (TransientErrors.IsTransient(e))
        {
            NotAudited(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(DeleteEndpoints)), action, subject, e);
        }
    }

    [LoggerMessage(6003, LogLevel.Warning, "{Action} of '{Subject}' is done, and could not be put into the audit trail")]
    private static partial void NotAudited(ILogger logger, string action, string subject, Exception exception);
}
