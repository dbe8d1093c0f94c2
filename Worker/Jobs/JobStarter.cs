using System.Text.Json;
using System.Text.Json.Nodes;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Adds jobs, for whoever wants one: the API, a schedule.</summary>
internal sealed class JobStarter(
    IJobStore store, IEnumerable<IJobKind> kinds, JobSignal signal, IOptions<JobOptions> options, TimeProvider time, ILogger<JobStarter> logger)
{
    private const int MaxYearsAhead = 10;

    /// <summary>The kinds there are.</summary>
    public IReadOnlyList<string> Kinds { get; } = [.. kinds.Select(kind => kind.Kind).Order(StringComparer.Ordinal)];

    /// <summary>Adds a job.</summary>
    /// <param name="request">What it is.</param>
    /// <param name="actor">Who wants it, for the audit trail.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The job; null when one with its unique key is there already.</returns>
    /// <exception cref="ArgumentException">Something about it is not valid.</exception>
    public async Task<Job?> StartAsync(JobRequest request, string actor, CancellationToken cancellationToken)
    {
        var kind = kinds.FirstOrDefault(kind => kind.Kind == request.Kind)
            ?? throw new ArgumentException($"Kind is '{request.Kind}'; {string.Join(", ", Kinds)} are allowed.", nameof(request.Kind));
        var arguments = request.Arguments ?? JsonElement.Parse("{}");
        kind.Validate(arguments);
        Require(request.ItemsPerSecond is null or (>= 1 and <= 1_000_000), nameof(request.ItemsPerSecond), request.ItemsPerSecond, "1 to 1000000");
        Require(request.Priority is >= -1000 and <= 1000, nameof(request.Priority), request.Priority, "-1000 to 1000");
        Require(request.MaxAttempts is null or (>= 1 and <= 1000), nameof(request.MaxAttempts), request.MaxAttempts, "1 to 1000");
        if (request.UniqueKey is { } key)
        {
            CheckpointLimits.ValidateId(key, nameof(request.UniqueKey));
        }

        var now = time.GetUtcNow();
        Require(
            request.ScheduledAt is not { } at || at <= now.AddYears(MaxYearsAhead),
            nameof(request.ScheduledAt),
            $"{request.ScheduledAt:O}",
            $"a moment up to {now.AddYears(MaxYearsAhead):O}, in {MaxYearsAhead} years,");
        var delay = request.ScheduledAt is { } moment && moment > now ? moment - now : TimeSpan.Zero;
        var job = new NewJob(
            Guid.CreateVersion7(now).ToString("N"),
            request.Kind,
            arguments.GetRawText(),
            request.Priority,
            request.MaxAttempts ?? options.Value.MaxAttempts,
            request.ItemsPerSecond,
            delay,
            request.UniqueKey);

        // Not cut off from here on: there would be a job that the trail does not know.
        cancellationToken.ThrowIfCancellationRequested();
        if (!await store.AddJobAsync(job, CancellationToken.None))
        {
            return null;
        }

        // The job is there: an answer that it failed would have it asked for again.
        await store.AddAuditOrLogAsync(new AuditEntry(actor, "job.start", job.Id, $"{job.Kind} {WithoutContent(arguments)}"), logger);
        Log.Added(logger, job.Id, job.Kind);
        signal.Set();
        return await store.GetJobAsync(job.Id, cancellationToken);
    }

    // The trail outlives what it speaks of: of a metadata filter it keeps the names.
    private static string WithoutContent(JsonElement arguments)
    {
        var copy = JsonObject.Create(arguments)!;
        if (copy["metadata"] is JsonObject filter)
        {
            copy["metadata"] = new JsonArray([.. filter.Select(member => JsonValue.Create(member.Key))]);
        }

        return copy.ToJsonString(JobJson.Options);
    }

    private static void Require(bool condition, string field, object? value, string bound)
    {
        if (!condition)
        {
            throw new ArgumentException($"{field} is {value}; {bound} is allowed.", field);
        }
    }
}
