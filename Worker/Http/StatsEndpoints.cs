using System.Globalization;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Figures, and the audit trail.</summary>
internal static class StatsEndpoints
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 1000;

    public static async Task StatsAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var store = JobEndpoints.StoreOf(context);
        var archive = await store.GetStatsAsync(context.RequestAborted);
        var total = await store.GetTotalAsync(context.RequestAborted);
        var outbox = await context.RequestServices.GetRequiredService<ICheckpointArchive>().GetOutboxStatsAsync(context.RequestAborted);
        var pending = await PendingAsync(context);
        var sample = context.RequestServices.GetRequiredService<StatsHistory>().Latest;
        var stats = new StatsResponse(
            pending?.Count,
            pending?.OldestAge.TotalSeconds,
            outbox.Pending,
            outbox.OldestAge.TotalSeconds,
            archive.DeadLetters,
            total.Checkpoints,
            total.IsEstimate,
            archive.OpenJobs,
            sample?.QueueDepth,
            sample?.DeadCommands,
            sample?.SavesPerSecond,
            sample?.ArchivedPerSecond);
        await context.Response.WriteAsJsonAsync(stats, ApiJson.Default.StatsResponse, cancellationToken: context.RequestAborted);
    }

    public static async Task HistoryAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "after");
        var samples = context.RequestServices.GetRequiredService<StatsHistory>().List(query.Time("after"));
        var interval = context.RequestServices.GetRequiredService<IOptions<WorkerOptions>>().Value.SampleInterval;
        await context.Response.WriteAsJsonAsync(
            new HistoryResponse(interval.TotalSeconds, samples), ApiJson.Default.HistoryResponse, cancellationToken: context.RequestAborted);
    }

    public static async Task AuditAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "limit", "continuationToken");
        var limit = (int)(query.Number("limit", 1, MaxLimit) ?? DefaultLimit);
        var entries = await JobEndpoints.StoreOf(context).ListAuditAsync(query.Number("continuationToken", 1), limit, context.RequestAborted);
        var items = new AuditItems(
            [.. entries.Select(entry => new AuditItem(entry.Id, entry.CreatedAt, entry.Entry.Actor, entry.Entry.Action, entry.Entry.Subject, entry.Entry.Detail))],
            entries.Count == limit ? entries[^1].Id.ToString(CultureInfo.InvariantCulture) : null);
        await context.Response.WriteAsJsonAsync(items, ApiJson.Default.AuditItems, cancellationToken: context.RequestAborted);
    }

    // While Redis is away the rest is worth knowing all the more.
    private static async Task<PendingStats?> PendingAsync(HttpContext context)
    {
        try
        {
            return await context.RequestServices.GetRequiredService<CacheLink>().CallAsync(
                static (cache, _, cancellationToken) => cache.GetPendingStatsAsync(cancellationToken), 0, context.RequestAborted);
        }
        catch (CheckpointUnavailableException)
        {
            return null;
        }
    }
}
