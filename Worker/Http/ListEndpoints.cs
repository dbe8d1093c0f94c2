namespace AsyncCheckpoints.Worker.Http;

/// <summary>Lists as pages of JSON. Pass a page's <c>continuationToken</c> with the same query to get the next.</summary>
internal static class ListEndpoints
{
    private const int DefaultLimit = 100;

    public static async Task ListAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(
            context,
            "namespace", "allNamespaces", "parentId", "node", "metadata", "afterSequence", "beforeSequence", "limit", "order", "includeState", "continuationToken");
        var all = query.Flag("allNamespaces") ?? false;
        if (all && query.Text("namespace") is not null)
        {
            throw new ArgumentException("Query parameter 'namespace' is given with allNamespaces=true; only one of them is allowed.", "namespace");
        }

        var includeState = query.Flag("includeState") ?? false;
        var page = await client.ListAsync(
            new CheckpointQuery
            {
                ExecutionId = ApiPath.Read(context, "execution"),
                Namespace = all ? null : query.Text("namespace") ?? "",
                ParentId = query.Text("parentId"),
                NodeName = query.Text("node"),
                Metadata = query.Json("metadata"),
                AfterSequence = query.Number("afterSequence"),
                BeforeSequence = query.Number("beforeSequence"),
                Limit = (int)(query.Number("limit", 1, CheckpointQuery.MaxLimit) ?? DefaultLimit),
                OldestFirst = query.Word("order", "newest", "oldest") == 1,
                IncludeState = includeState,
                ContinuationToken = query.Text("continuationToken"),
            },
            context.RequestAborted);
        var items = new CheckpointItems([.. page.Items.Select(c => new CheckpointItem(c, includeState))], page.ContinuationToken);
        await context.Response.WriteAsJsonAsync(items, ApiJson.Default.CheckpointItems, cancellationToken: context.RequestAborted);
    }

    public static async Task ListExecutionsAsync(HttpContext context, ICheckpointClient client)
    {
        var query = new ApiQuery(context, "prefix", "contains", "limit", "continuationToken");
        var page = await client.ListExecutionsAsync(
            query.Text("prefix") ?? "",
            (int)(query.Number("limit", 1, CheckpointQuery.MaxLimit) ?? DefaultLimit),
            query.Text("continuationToken"),
            query.Text("contains") ?? "",
            context.RequestAborted);
        await context.Response.WriteAsJsonAsync(page, ApiJson.Default.ExecutionPage, cancellationToken: context.RequestAborted);
    }
}
