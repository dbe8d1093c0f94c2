using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Starts, lists and cancels jobs.</summary>
internal static class JobEndpoints
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 1000;
    private const int MaxBodyBytes = 256 * 1024;

    public static async Task StartAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var request = await ReadAsync(context);
        var job = await context.RequestServices.GetRequiredService<JobStarter>().StartAsync(request, ActorOf(context), context.RequestAborted)
            ?? throw new ApiException(ApiProblem.Create(
                StatusCodes.Status409Conflict, "conflict", "There is such a job already.", $"uniqueKey is '{request.UniqueKey}'; another job has it."));
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"{context.Request.PathBase.ToUriComponent()}/jobs/{job.Id}";
        await WriteAsync(context, job);
    }

    public static async Task ListAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "state", "kind", "limit", "continuationToken");
        var limit = (int)(query.Number("limit", 1, MaxLimit) ?? DefaultLimit);
        var kinds = context.RequestServices.GetRequiredService<JobStarter>().Kinds;
        var kind = query.Word("kind", [.. kinds]) is { } index ? kinds[index] : null;
        if (query.Text("continuationToken") is { } token)
        {
            CheckpointLimits.ValidateId(token, "continuationToken");
        }

        var jobs = await StoreOf(context).ListJobsAsync(
            (JobState?)query.Word("state", [.. JobStates.Texts]), kind, query.Text("continuationToken"), limit, context.RequestAborted);
        var items = new JobItems([.. jobs.Select(job => new JobItem(job))], jobs.Count == limit ? jobs[^1].Id : null);
        await context.Response.WriteAsJsonAsync(items, ApiJson.Default.JobItems, cancellationToken: context.RequestAborted);
    }

    public static async Task GetAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var id = ApiPath.Read(context, "id");
        await WriteAsync(context, await StoreOf(context).GetJobAsync(id, context.RequestAborted) ?? throw NoJob(id));
    }

    public static async Task ListFindingsAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "limit", "continuationToken");
        var limit = (int)(query.Number("limit", 1, MaxLimit) ?? DefaultLimit);
        var id = ApiPath.Read(context, "id");
        _ = await StoreOf(context).GetJobAsync(id, context.RequestAborted) ?? throw NoJob(id);
        var found = await StoreOf(context).ListFindingsAsync(id, query.Number("continuationToken", 0) ?? 0, limit, context.RequestAborted);
        var items = new FindingItems(
            [.. found.Select(finding => new FindingItem(finding.Position, finding.Finding.Kind, finding.Finding.Subject, finding.Finding.Detail))],
            found.Count == limit ? $"{found[^1].Position}" : null);
        await context.Response.WriteAsJsonAsync(items, ApiJson.Default.FindingItems, cancellationToken: context.RequestAborted);
    }

    public static async Task CancelAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var id = ApiPath.Read(context, "id");
        var store = StoreOf(context);
        var entry = new AuditEntry(ActorOf(context), "job.cancel", id, "");
        if (await AuditTrail.ActAsync(context, entry, () => store.CancelJobAsync(id, context.RequestAborted)) is { } job)
        {
            await AuditTrail.AddAsync(context, entry with { Detail = job.Kind });
        }
        else
        {
            // It has ended: cancelling it again is no error.
            job = await store.GetJobAsync(id, context.RequestAborted) ?? throw NoJob(id);
        }

        await WriteAsync(context, job);
    }

    /// <summary>Who asks, for the audit trail.</summary>
    /// <param name="context">The request.</param>
    public static string ActorOf(HttpContext context) => context.User.Identity?.Name ?? "api";

    public static IJobStore StoreOf(HttpContext context) => context.RequestServices.GetRequiredService<IJobStore>();

    private static ApiException NoJob(string id) =>
        new(ApiProblem.Create(StatusCodes.Status404NotFound, "not-found", "There is no such job.", $"No job has the id '{id}'."));

    private static Task WriteAsync(HttpContext context, Job job) =>
        context.Response.WriteAsJsonAsync(new JobItem(job), ApiJson.Default.JobItem, cancellationToken: context.RequestAborted);

    private static async Task<JobRequest> ReadAsync(HttpContext context)
    {
        if (!context.Request.HasJsonContentType())
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status415UnsupportedMediaType, "not-json", "The body is not JSON.", $"Content-Type is '{context.Request.ContentType}'; application/json is allowed."));
        }

        var body = await StateBody.ReadAsync(context, MaxBodyBytes);
        try
        {
            return JsonSerializer.Deserialize<JobRequest>(body.Span, JobJson.Options) is { Kind: not null } request
                ? request
                : throw new ArgumentException("kind is missing; it must be given.", nameof(JobRequest.Kind));
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"The body is not a job (at {e.Path ?? "$"}, byte {e.BytePositionInLine}).", "body", e);
        }
    }
}
