namespace AsyncCheckpoints.Worker.Http;

/// <summary>Deletes a checkpoint or a whole execution, and says which level was reached. Deleting the unknown is no error.</summary>
internal static class DeleteEndpoints
{
    public static async Task DeleteAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "namespace", "durability");
        var key = ReadEndpoints.KeyOf(context, query);
        var reached = await client.DeleteAsync(key, query.Durability("durability"), context.RequestAborted);
        await context.Response.WriteAsJsonAsync(
            new DeleteResponse(key.ExecutionId, key.Namespace, key.Id, reached), ApiJson.Default.DeleteResponse, cancellationToken: context.RequestAborted);
    }

    public static async Task ClearAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "durability");
        var execution = ApiPath.Read(context, "execution");
        var reached = await client.ClearAsync(execution, query.Durability("durability"), context.RequestAborted);
        await context.Response.WriteAsJsonAsync(new ClearResponse(execution, reached), ApiJson.Default.ClearResponse, cancellationToken: context.RequestAborted);
    }
}
