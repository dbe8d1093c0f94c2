using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Writes down who changed what, however the request ends: also when the client has gone or waits no longer, since what
/// was begun may go on. No change fails because the archive that holds the trail is away.
/// </summary>
internal static partial class AuditTrail
{
    /// <summary>Changes something. The entry of a change that succeeds is the caller's, with <see cref="AddAsync(HttpContext, AuditEntry)"/>.</summary>
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
            await AddAsync(store, entry, context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AuditTrail)));
        }
    }

    /// <summary>Writes an entry; to the log while the archive is away.</summary>
    /// <param name="store">The trail.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="logger">The log.</param>
    public static async Task AddAsync(IJobStore store, AuditEntry entry, ILogger logger)
    {
        try
        {
            await store.AddAuditAsync(entry, CancellationToken.None);
        }
        catch (Exception e) when (TransientErrors.IsTransient(e))
        {
            NotWritten(logger, entry.Actor, entry.Action, entry.Subject, entry.Detail, e);
        }
    }

    [LoggerMessage(6003, LogLevel.Warning, "Could not put into the audit trail that '{Actor}' did {Action} to '{Subject}': {Detail}")]
    private static partial void NotWritten(ILogger logger, string actor, string action, string subject, string detail, Exception exception);
}
