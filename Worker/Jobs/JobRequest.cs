using System.Text.Json;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>A job that somebody wants.</summary>
/// <param name="Kind">What it is to do.</param>
/// <param name="Arguments">With what.</param>
/// <param name="ItemsPerSecond">How fast it may go; null: as fast as it can.</param>
/// <param name="Priority">Higher ones go first.</param>
/// <param name="MaxAttempts">Attempts without getting ahead; null: as configured.</param>
/// <param name="ScheduledAt">When it may start; null: at once.</param>
/// <param name="UniqueKey">No second job with the same is added.</param>
internal sealed record JobRequest(
    string Kind,
    JsonElement? Arguments = null,
    int? ItemsPerSecond = null,
    int Priority = 0,
    int? MaxAttempts = null,
    DateTimeOffset? ScheduledAt = null,
    string? UniqueKey = null);
