using System.Text.Json;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AsyncCheckpoints.Worker.Health;

/// <summary>Health: alive says that a restart would not help; ready names each part that it needs.</summary>
internal static class WorkerHealthExtensions
{
    private const string Live = "live";
    private const string Ready = "ready";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    /// <summary>Adds the checks; MassTransit adds those of its buses.</summary>
    /// <param name="services">The services.</param>
    /// <param name="parts">What the worker uses.</param>
    public static IServiceCollection AddWorkerHealth(this IServiceCollection services, WorkerParts parts)
    {
        var archive = parts.Postgres is null ? "sqlite" : "postgres";
        var cache = parts.IsEmbedded ? "in-process-cache" : "redis";
        services.AddKeyedSingleton(archive, (provider, _) => new SharedProbe(
            provider.GetRequiredService<ICheckpointArchive>().PingAsync, provider.GetRequiredService<TimeProvider>()));
        services.AddKeyedSingleton(cache, (provider, _) => new SharedProbe(
            cancellationToken => provider.GetRequiredService<CacheLink>().CallAsync(
                static (cache, _, cancellationToken) => cache.GetTimeAsync(cancellationToken), 0, cancellationToken),
            provider.GetRequiredService<TimeProvider>()));
        services.AddHealthChecks()
            .Add(new HealthCheckRegistration(archive, provider => new Check(async cancellationToken =>
            {
                var state = provider.GetRequiredService<ArchiveState>();
                await provider.GetRequiredKeyedService<SharedProbe>(archive).AskAsync(cancellationToken);
                return !state.WhenMigrated.IsCompletedSuccessfully ? "The schema is not up to date yet."
                    : provider.GetRequiredService<ConsumptionGate>().IsOpen ? null
                    : "It takes no writes: consuming has stopped until it does.";
            }), HealthStatus.Unhealthy, [Ready], Timeout))
            .Add(new HealthCheckRegistration(cache, provider => new Check(async cancellationToken =>
            {
                await provider.GetRequiredKeyedService<SharedProbe>(cache).AskAsync(cancellationToken);
                return null;
            }), HealthStatus.Unhealthy, [Ready], Timeout))
            .Add(new HealthCheckRegistration("consumption", provider => new Check(_ => Task.FromResult(
                provider.GetRequiredService<ConsumptionWatch>().IsStalled ? "Messages wait, and none comes here: restart this process." : null)),
                HealthStatus.Unhealthy, [Live, Ready]));
        return services;
    }

    /// <summary>Maps /health/live and /health/ready.</summary>
    /// <param name="endpoints">The routes.</param>
    public static void MapWorkerHealth(this IEndpointRouteBuilder endpoints)
    {
        // By themselves they answer to every method.
        var methods = new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]);
        endpoints.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Live), ResponseWriter = WriteAsync })
            .WithMetadata(methods);
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready), ResponseWriter = WriteAsync })
            .WithMetadata(methods);
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            status = report.Status.ToString(),
            parts = report.Entries.ToDictionary(
                entry => entry.Key, entry => new { status = entry.Value.Status.ToString(), description = entry.Value.Description }),
        }));
    }

    private sealed class Check(Func<CancellationToken, Task<string?>> probe) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                return await probe(cancellationToken) is { } problem ? new HealthCheckResult(context.Registration.FailureStatus, problem) : HealthCheckResult.Healthy();
            }
            catch (Exception e)
            {
                // The type only: messages of drivers can hold addresses.
                return new HealthCheckResult(context.Registration.FailureStatus, $"It does not answer ({e.GetType().Name}).");
            }
        }
    }
}
