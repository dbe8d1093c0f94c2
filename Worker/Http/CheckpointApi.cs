using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// The HTTP API over <see cref="ICheckpointClient"/>, for curl and any language.
/// <list type="bullet">
/// <item><c>POST /executions/{execution}/checkpoints</c>, <c>PUT /executions/{execution}/checkpoints/{id}</c>: saves; the
/// body is the state, its content type the checkpoint's.</item>
/// <item><c>GET /executions/{execution}/latest</c>, <c>GET|HEAD /executions/{execution}/checkpoints/{id}</c>: the state,
/// the other fields in <c>Checkpoint-*</c> headers.</item>
/// <item><c>GET /executions/{execution}/checkpoints</c>, <c>GET /executions</c>: pages as JSON.</item>
/// <item><c>DELETE /executions/{execution}/checkpoints/{id}</c>, <c>DELETE /executions/{execution}</c>.</item>
/// <item><c>POST /executions/{execution}/checkpoints/{id}/fork?to=</c>.</item>
/// </list>
/// Ids in a path are percent-encoded, '/' as %2F and '%' as %25 (<see cref="PercentText"/> on "." and ".."); the namespace
/// is a query parameter. Texts in headers of a response are percent-encoded UTF-8, always. Failures are problem details
/// (RFC 9457). Where keys are configured (<see cref="ApiOptions"/>) a request names one as <c>Authorization: Bearer</c>;
/// reading takes the role read, changing write. Requests that the server itself refuses to parse (such as %00 in a path) get its bare status.
/// </summary>
public static class CheckpointApi
{
    /// <summary>The longest request line and the largest headers, in bytes: room for six percent-encoded ids and 64 KiB of metadata.</summary>
    private const int MaxRequestLineBytes = 256 * 1024;

    /// <summary>Metadata with every character escaped has six bytes for one.</summary>
    private const int MaxRequestHeadersBytes = 512 * 1024;

    /// <summary>
    /// Adds what the API needs: problem details for every failure, limits, and silence of the server's log of queries. They
    /// hold for the whole application: while no keys are configured, every request from another machine, through a proxy or
    /// for another host name is refused (403, 421), also for endpoints that are not the API's.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddCheckpointApi(this IServiceCollection services)
    {
        services.AddOptions<CheckpointOptions>();
        services.AddApiAccess();
        services.TryAddSingleton<ProblemMiddleware>();
        services.TryAddSingleton<ApiGauge>();
        services.TryAddEnumerable(ServiceDescriptor.Transient<IStartupFilter, ProblemStartupFilter>());
        services.Configure<KestrelServerOptions>(o =>
        {
            o.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            o.Limits.MaxRequestHeadersTotalSize = MaxRequestHeadersBytes;
        });
        // It would log every query string, and with it metadata.
        services.AddLogging(l => l.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning));
        return services;
    }

    /// <summary>Maps the API; <see cref="AddCheckpointApi"/> must have been called.</summary>
    /// <param name="endpoints">The application's endpoints.</param>
    /// <returns>All of the API's endpoints, for conventions.</returns>
    public static IEndpointConventionBuilder MapCheckpointApi(this IEndpointRouteBuilder endpoints)
    {
        var api = endpoints.MapGroup("/executions");
        var routes = new ApiRoutes(api);
        Map(ApiRole.Read, "", ListEndpoints.ListExecutionsAsync, "GET");
        Map(ApiRole.Write, "{execution}", DeleteEndpoints.ClearAsync, "DELETE");
        Map(ApiRole.Read, "{execution}/latest", ReadEndpoints.LoadLatestAsync, "GET", "HEAD");
        Map(ApiRole.Write, "{execution}/checkpoints", SaveEndpoints.SaveAsync, "POST");
        Map(ApiRole.Read, "{execution}/checkpoints", ListEndpoints.ListAsync, "GET");
        Map(ApiRole.Write, "{execution}/checkpoints/{id}", SaveEndpoints.PutAsync, "PUT");
        Map(ApiRole.Read, "{execution}/checkpoints/{id}", ReadEndpoints.LoadAsync, "GET");
        Map(ApiRole.Read, "{execution}/checkpoints/{id}", ReadEndpoints.ExistsAsync, "HEAD");
        Map(ApiRole.Write, "{execution}/checkpoints/{id}", DeleteEndpoints.DeleteAsync, "DELETE");
        Map(ApiRole.Write, "{execution}/checkpoints/{id}/fork", SaveEndpoints.ForkAsync, "POST");
        return api;

        void Map(ApiRole role, string pattern, Func<HttpContext, ICheckpointClient, Task> handler, params string[] methods) =>
            routes.Map(role, pattern, context => handler(context, context.RequestServices.GetRequiredService<ICheckpointClient>()), methods);
    }
}
