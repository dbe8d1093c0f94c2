namespace AsyncCheckpoints.Worker.Storage;

/// <summary>What happened goes to the log when the archive that holds the audit trail is away.</summary>
internal static partial class AuditExtensions
{
    /// <summary>Writes an entry of the audit trail. Not cut off with whoever asked for what it tells.</summary>
    /// <param name="store">The trail.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="logger">The log.</param>
    public static async Task AddAuditOrLogAsync(this IJobStore store, AuditEntry entry, ILogger logger)
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
