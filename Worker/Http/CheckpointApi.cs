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
/// (RFC 9457). Requests that the server itself refuses to parse (such as %00 in a path) get its bare status.
/// </summary>
public static class CheckpointApi
{
    /// <summary>The longest request line and the largest headers, in bytes: room for six percent-encoded ids and 64 KiB of metadata.</summary>
    private const int MaxRequestLineBytes = 256 * 1024;

    /// <summary>Metadata with every character escaped has six bytes for one.</summary>
    private const int MaxRequestHeadersBytes = 512 * 1024;

    /// <summary>Adds what the API needs: problem details for every failure, limits, and silence of the server's log of queries.</summary>
    /// <param name="services">The services.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddCheckpointApi(this IServiceCollection services)
    {
        services.AddOptions<CheckpointOptions>();
        services.TryAddSingleton<ProblemMiddleware>();
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
        var problems = endpoints.ServiceProvider.GetService<ProblemMiddleware>()
            ?? throw new InvalidOperationException("The checkpoint API's services are missing: call services.AddCheckpointApi().");
        var api = endpoints.MapGroup("/executions");
        Map("", ListEndpoints.ListExecutionsAsync, "GET");
        Map("{execution}", DeleteEndpoints.ClearAsync, "DELETE");
        Map("{execution}/latest", ReadEndpoints.LoadLatestAsync, "GET", "HEAD");
        Map("{execution}/checkpoints", SaveEndpoints.SaveAsync, "POST");
        Map("{execution}/checkpoints", ListEndpoints.ListAsync, "GET");
        Map("{execution}/checkpoints/{id}", SaveEndpoints.PutAsync, "PUT");
        Map("{execution}/checkpoints/{id}", ReadEndpoints.LoadAsync, "GET");
        Map("{execution}/checkpoints/{id}", ReadEndpoints.ExistsAsync, "HEAD");
        Map("{execution}/checkpoints/{id}", DeleteEndpoints.DeleteAsync, "DELETE");
        Map("{execution}/checkpoints/{id}/fork", SaveEndpoints.ForkAsync, "POST");
        return api;

        // Failures are caught here too: inside whatever else the application puts into the pipeline.
        void Map(string pattern, Func<HttpContext, ICheckpointClient, Task> handler, params string[] methods) =>
            api.MapMethods(pattern, methods, context => problems.InvokeAsync(context, inner =>
            {
                ApiPath.RequireExact(inner);
                return handler(inner, inner.RequestServices.GetRequiredService<ICheckpointClient>());
            }));
    }
}
