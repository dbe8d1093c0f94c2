using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Writes down who changed what, however the request ends: also when the client has gone or waits no longer, since what
/// was begun may go on. No change fails because the archive that holds the trail is away.
/// </summary>
internal static class AuditTrail
{
    /// <summary>Changes something. The entry of a change that succeeds is the caller's, with <see cref="AddAsync"/>.</summary>
    /// <param name="context">The request.</param>
    /// <param name="entry">The entry, for when nobody knows how it ended.</param>
    /// <param name="act">The change.</param>
    /// <returns>What the change returns.</returns>
    public static async Task<T> ActAsync<T>(HttpContext context, AuditEntry entry, Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch (Exception e) when (TransientErrors.IsTransient(e))
        {
            await AddAsync(context, entry with { Detail = $"{entry.Detail} (not confirmed)".TrimStart() });
            throw;
        }
    }

    /// <summary>Writes an entry. Not cut off with the request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="entry">The entry.</param>
    public static async Task AddAsync(HttpContext context, AuditEntry entry)
    {
        // An application that maps the API without a worker has no trail.
        if (context.RequestServices.GetService<IJobStore>() is { } store)
        {
            await store.AddAuditOrLogAsync(entry, context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AuditTrail)));
        }
    }
}
