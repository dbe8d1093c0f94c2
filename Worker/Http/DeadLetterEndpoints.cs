using System.Globalization;
using AsyncCheckpoints.Worker.Jobs.DeadLetters;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Lists, shows, retries and discards dead letters. For many of them there are jobs.</summary>
internal static class DeadLetterEndpoints
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 500;

    public static async Task ListAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "limit", "continuationToken");
        var limit = (int)(query.Number("limit", 1, MaxLimit) ?? DefaultLimit);
        var letters = await context.RequestServices.GetRequiredService<ICheckpointArchive>()
            .ListDeadLettersAsync(query.Number("continuationToken", 1), limit, includeBodies: false, context.RequestAborted);
        var items = new DeadLetterItems(
            [.. letters.Select(letter => new DeadLetterItem(letter, includeBody: false))],
            letters.Count == limit ? letters[^1].RowId.ToString(CultureInfo.InvariantCulture) : null);
        await context.Response.WriteAsJsonAsync(items, ApiJson.Default.DeadLetterItems, cancellationToken: context.RequestAborted);
    }

    public static async Task GetAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var letter = await LoadAsync(context);
        await context.Response.WriteAsJsonAsync(
            new DeadLetterItem(letter, includeBody: true), ApiJson.Default.DeadLetterItem, cancellationToken: context.RequestAborted);
    }

    public static async Task RetryAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var letter = await LoadAsync(context);
        var retry = context.RequestServices.GetRequiredService<DeadLetterRetry>();
        var entry = EntryOf(context, "dead-letter.retry", letter, "");
        var staying = await AuditTrail.ActAsync(context, entry, () => retry.TryAsync([letter], context.RequestAborted));
        var reason = staying.GetValueOrDefault(letter.RowId);
        await AuditTrail.AddAsync(context, entry with { Detail = reason ?? "archived" });
        if (reason is not null)
        {
            throw new ApiException(ApiProblem.Create(StatusCodes.Status422UnprocessableEntity, "still-dead", "It stays a dead letter.", reason));
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public static async Task DiscardAsync(HttpContext context)
    {
        _ = new ApiQuery(context);
        var letter = await LoadAsync(context);
        var entry = EntryOf(context, "dead-letter.discard", letter, letter.Letter.Reason);
        await AuditTrail.ActAsync(context, entry, () => JobEndpoints.StoreOf(context).RemoveDeadLettersAsync([letter.RowId], context.RequestAborted));
        await AuditTrail.AddAsync(context, entry);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static AuditEntry EntryOf(HttpContext context, string action, StoredDeadLetter letter, string detail) =>
        new(JobEndpoints.ActorOf(context), action, letter.RowId.ToString(CultureInfo.InvariantCulture), detail);

    private static async Task<StoredDeadLetter> LoadAsync(HttpContext context)
    {
        var text = ApiPath.Read(context, "id");
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            throw new ArgumentException($"id is '{(text.Length > 64 ? text[..64] + "…" : text)}'; the number of a dead letter is allowed.", nameof(id));
        }

        return await JobEndpoints.StoreOf(context).GetDeadLetterAsync(id, context.RequestAborted)
            ?? throw new ApiException(ApiProblem.Create(StatusCodes.Status404NotFound, "not-found", "There is no such dead letter.", $"No dead letter has the id {id}."));
    }
}
