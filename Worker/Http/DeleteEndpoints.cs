using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Deletes a checkpoint or a whole execution, and says which level was reached. Deleting the unknown is no error. Both are
/// in the audit trail (<see cref="AuditTrail"/>).
/// </summary>
internal static class DeleteEndpoints
{
    public static async Task DeleteAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "namespace", "durability");
        var key = ReadEndpoints.KeyOf(context, query);
        var level = query.Durability("durability");
        var entry = new AuditEntry(
            JobEndpoints.ActorOf(context), "checkpoint.delete", key.ExecutionId, key.Namespace.Length == 0 ? key.Id : $"{key.Namespace} {key.Id}");
        var reached = await AuditTrail.ActAsync(context, entry, () => client.DeleteAsync(key, level, context.RequestAborted));
        await AuditTrail.AddAsync(context, entry);
        await context.Response.WriteAsJsonAsync(
            new DeleteResponse(key.ExecutionId, key.Namespace, key.Id, reached), ApiJson.Default.DeleteResponse, cancellationToken: context.RequestAborted);
    }

    public static async Task ClearAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "durability");
        var execution = ApiPath.Read(context, "execution");
        var level = query.Durability("durability");
        var entry = new AuditEntry(JobEndpoints.ActorOf(context), "execution.clear", execution, "");
        var reached = await AuditTrail.ActAsync(context, entry, () => client.ClearAsync(execution, level, context.RequestAborted));
        await AuditTrail.AddAsync(context, entry);
        await context.Response.WriteAsJsonAsync(new ClearResponse(execution, reached), ApiJson.Default.ClearResponse, cancellationToken: context.RequestAborted);
    }
}
