using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Maps endpoints in the API's way. Each has a role, a bound on its time and on how many run at once, an exact path, and
/// problem details for every failure. Without keys, what changes something is refused to a page of another origin; a key
/// is nothing that a browser would send by itself.
/// </summary>
internal sealed class ApiRoutes
{
    private readonly IEndpointRouteBuilder _group;
    private readonly ProblemMiddleware _problems;
    private readonly ApiAccess _access;
    private readonly ApiGauge _gauge;
    private readonly ApiOptions _options;

    /// <summary>Maps into a group.</summary>
    /// <param name="group">The group.</param>
    /// <exception cref="InvalidOperationException">The services are missing.</exception>
    public ApiRoutes(IEndpointRouteBuilder group)
    {
        _group = group;
        var services = group.ServiceProvider;
        _problems = services.GetService<ProblemMiddleware>()
            ?? throw new InvalidOperationException("The checkpoint API's services are missing: call services.AddCheckpointApi().");
        _access = services.GetRequiredService<ApiAccess>();
        _gauge = services.GetRequiredService<ApiGauge>();
        _options = services.GetRequiredService<IOptions<ApiOptions>>().Value;
    }

    /// <summary>Maps an endpoint.</summary>
    /// <param name="role">The least role that it takes.</param>
    /// <param name="pattern">The path.</param>
    /// <param name="handler">What serves it.</param>
    /// <param name="methods">The methods.</param>
    public void Map(ApiRole role, string pattern, Func<HttpContext, Task> handler, params string[] methods) =>
        Map(role, pattern, handler, _options.RequestTimeout, methods);

    /// <summary>Maps an endpoint that takes as long as its client reads.</summary>
    /// <inheritdoc cref="Map(ApiRole, string, Func{HttpContext, Task}, string[])"/>
    public void MapStream(ApiRole role, string pattern, Func<HttpContext, Task> handler, params string[] methods) =>
        Map(role, pattern, handler, Timeout.InfiniteTimeSpan, methods);

    // Failures are caught here too: inside whatever else the application puts into the pipeline.
    private void Map(ApiRole role, string pattern, Func<HttpContext, Task> handler, TimeSpan timeout, string[] methods) =>
        _group.MapMethods(pattern, methods, context => _problems.InvokeAsync(context, async inner =>
        {
            _access.Require(inner, role);
            ApiPath.RequireExact(inner);
            RequireOwnOriginWithoutKeys(inner);
            using var place = _gauge.Enter();
            var aborted = inner.RequestAborted;
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(aborted);
            cut.CancelAfter(timeout);
            inner.RequestAborted = cut.Token;
            try
            {
                await handler(inner);
            }
            finally
            {
                inner.RequestAborted = aborted;
            }
        }));

    // Browsers name the origin of a page that sends; other clients have none.
    private void RequireOwnOriginWithoutKeys(HttpContext context)
    {
        var request = context.Request;
        var origin = request.Headers.Origin.ToString();
        if (!_access.HasKeys
            && !HttpMethods.IsGet(request.Method)
            && !HttpMethods.IsHead(request.Method)
            && origin.Length > 0
            && !origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status403Forbidden, "other-origin", "A page of another origin may not do this.", $"Origin is '{origin}'."));
        }
    }
}
