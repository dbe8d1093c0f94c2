using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.Net.Http.Headers;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>/metrics, for Prometheus. Where keys are configured, other machines need one that may read.</summary>
internal static class MetricsEndpoint
{
    private const string OpenMetrics = "application/openmetrics-text";

    /// <summary>Maps /metrics.</summary>
    /// <param name="endpoints">The routes.</param>
    public static void MapWorkerMetrics(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/metrics", (HttpContext context, MetricCollector collector, ApiAccess access) =>
        {
            access.RequireUnlessLocal(context, ApiRole.Read);
            var isOpenMetrics = PrefersOpenMetrics(context.Request.GetTypedHeaders().Accept);
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers.Vary = HeaderNames.Accept;
            return Results.Text(
                collector.Collect(isOpenMetrics),
                isOpenMetrics ? $"{OpenMetrics}; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8");
        });

    /// <summary>Whether OpenMetrics 1.0 is named, and at least as welcome as plain text.</summary>
    private static bool PrefersOpenMetrics(IList<MediaTypeHeaderValue> accepted)
    {
        var open = accepted.Where(IsOpenMetrics).Select(QualityOf).DefaultIfEmpty(0).Max();
        var plain = accepted.Where(type => type.MediaType == "text/plain").Select(QualityOf).DefaultIfEmpty(0).Max();
        return open > 0 && open >= plain;
    }

    private static bool IsOpenMetrics(MediaTypeHeaderValue type) =>
        type.MediaType.Equals(OpenMetrics, StringComparison.OrdinalIgnoreCase)
        && (type.Parameters.FirstOrDefault(parameter => parameter.Name == "version")?.Value.ToString() ?? "1.0.0") == "1.0.0";

    private static double QualityOf(MediaTypeHeaderValue type) => type.Quality ?? 1;
}
