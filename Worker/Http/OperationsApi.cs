namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// The HTTP API of operations, beside that of checkpoints and in its style.
/// <list type="bullet">
/// <item><c>POST /jobs</c>, <c>GET /jobs</c>, <c>GET /jobs/{id}</c>, <c>GET /jobs/{id}/findings</c>,
/// <c>POST /jobs/{id}/cancel</c>.</item>
/// <item><c>GET /dead-letters</c>, <c>GET /dead-letters/{id}</c>, <c>POST /dead-letters/{id}/retry</c>,
/// <c>DELETE /dead-letters/{id}</c>.</item>
/// <item><c>GET /stats</c>, <c>GET /stats/history</c>, <c>GET /audit</c>.</item>
/// </list>
/// What changes something is in the audit trail, and is refused to a page of another origin.
/// </summary>
internal static class OperationsApi
{
    /// <summary>Maps the API.</summary>
    /// <param name="endpoints">The application's endpoints.</param>
    /// <returns>All of its endpoints, for conventions.</returns>
    public static IEndpointConventionBuilder MapOperationsApi(this IEndpointRouteBuilder endpoints)
    {
        var problems = endpoints.ServiceProvider.GetRequiredService<ProblemMiddleware>();
        var api = endpoints.MapGroup("");
        Map("/jobs", JobEndpoints.StartAsync, "POST");
        Map("/jobs", JobEndpoints.ListAsync, "GET");
        Map("/jobs/{id}", JobEndpoints.GetAsync, "GET");
        Map("/jobs/{id}/findings", JobEndpoints.ListFindingsAsync, "GET");
        Map("/jobs/{id}/cancel", JobEndpoints.CancelAsync, "POST");
        Map("/dead-letters", DeadLetterEndpoints.ListAsync, "GET");
        Map("/dead-letters/{id}", DeadLetterEndpoints.GetAsync, "GET");
        Map("/dead-letters/{id}/retry", DeadLetterEndpoints.RetryAsync, "POST");
        Map("/dead-letters/{id}", DeadLetterEndpoints.DiscardAsync, "DELETE");
        Map("/stats", StatsEndpoints.StatsAsync, "GET");
        Map("/stats/history", StatsEndpoints.HistoryAsync, "GET");
        Map("/audit", StatsEndpoints.AuditAsync, "GET");
        return api;

        void Map(string pattern, Func<HttpContext, Task> handler, string method) =>
            api.MapMethods(pattern, [method], context => problems.InvokeAsync(context, inner =>
            {
                ApiPath.RequireExact(inner);
                if (method != "GET")
                {
                    RequireOwnOrigin(inner);
                }

                return handler(inner);
            }));
    }

    // Browsers name the origin of a page that sends; other clients have none.
    private static void RequireOwnOrigin(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !origin.Equals($"{context.Request.Scheme}://{context.Request.Host}", StringComparison.OrdinalIgnoreCase))
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status403Forbidden, "other-origin", "A page of another origin may not do this.", $"Origin is '{origin}'."));
        }
    }
}
