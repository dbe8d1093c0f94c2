using AsyncCheckpoints.Worker.Dashboard;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Health;
using AsyncCheckpoints.Worker.Http;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Everything that the worker serves.</summary>
internal static class WorkerEndpoints
{
    /// <summary>Maps it; the worker and its API must have been added.</summary>
    /// <param name="endpoints">The routes.</param>
    public static void MapCheckpointWorker(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapWorkerHealth();
        endpoints.MapWorkerMetrics();
        endpoints.MapApiDocument();
        endpoints.MapCheckpointApi();
        endpoints.MapOperationsApi();
        endpoints.MapCheckpointDashboard();
    }
}
