using AsyncCheckpoints.Worker.Http.Access;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// The HTTP API of operations, beside that of checkpoints and in its style.
/// <list type="bullet">
/// <item><c>POST /jobs</c>, <c>GET /jobs</c>, <c>GET /jobs/{id}</c>, <c>GET /jobs/{id}/findings</c>,
/// <c>POST /jobs/{id}/cancel</c>.</item>
/// <item><c>GET /dead-letters</c>, <c>GET /dead-letters/{id}</c>, <c>POST /dead-letters/{id}/retry</c>,
/// <c>DELETE /dead-letters/{id}</c>.</item>
/// <item><c>GET /stats</c>, <c>GET /stats/history</c>, <c>GET /audit</c>, <c>GET /export</c>.</item>
/// </list>
/// What changes something, or shows the body of a dead letter, takes the role operate; the rest takes the role read.
/// Changes are in the audit trail, with the name of the key.
/// </summary>
internal static class OperationsApi
{
    /// <summary>Maps the API.</summary>
    /// <param name="endpoints">The application's endpoints.</param>
    /// <returns>All of its endpoints, for conventions.</returns>
    public static IEndpointConventionBuilder MapOperationsApi(this IEndpointRouteBuilder endpoints)
    {
        var api = endpoints.MapGroup("");
        var routes = new ApiRoutes(api);
        routes.Map(ApiRole.Operate, "/jobs", JobEndpoints.StartAsync, "POST");
        routes.Map(ApiRole.Read, "/jobs", JobEndpoints.ListAsync, "GET");
        routes.Map(ApiRole.Read, "/jobs/{id}", JobEndpoints.GetAsync, "GET");
        routes.Map(ApiRole.Read, "/jobs/{id}/findings", JobEndpoints.ListFindingsAsync, "GET");
        routes.Map(ApiRole.Operate, "/jobs/{id}/cancel", JobEndpoints.CancelAsync, "POST");
        routes.Map(ApiRole.Read, "/dead-letters", DeadLetterEndpoints.ListAsync, "GET");
        routes.Map(ApiRole.Operate, "/dead-letters/{id}", DeadLetterEndpoints.GetAsync, "GET");
        routes.Map(ApiRole.Operate, "/dead-letters/{id}/retry", DeadLetterEndpoints.RetryAsync, "POST");
        routes.Map(ApiRole.Operate, "/dead-letters/{id}", DeadLetterEndpoints.DiscardAsync, "DELETE");
        routes.Map(ApiRole.Read, "/stats", StatsEndpoints.StatsAsync, "GET");
        routes.Map(ApiRole.Read, "/stats/history", StatsEndpoints.HistoryAsync, "GET");
        routes.Map(ApiRole.Operate, "/audit", StatsEndpoints.AuditAsync, "GET");
        routes.MapStream(ApiRole.Read, "/export", ExportEndpoint.ExportAsync, "GET");
        return api;
    }
}
