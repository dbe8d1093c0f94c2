namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// An archive is that of one prefix. Two of them would deliver each other's events, put each other's checkpoints into
/// their own Redis and delete each other's by their rules of retention.
/// </summary>
internal static class Ownership
{
    /// <summary>Refuses the archive of another prefix.</summary>
    /// <param name="owner">Whose it is; null: nobody's yet.</param>
    /// <param name="prefix">The program's prefix.</param>
    /// <param name="tables">What stands before a table's name.</param>
    /// <exception cref="CheckpointException">It is another's; a retry does not help.</exception>
    public static void ThrowIfOthers(string? owner, string prefix, string tables)
    {
        if (FindConflict(owner, prefix, tables) is var (message, hint))
        {
            throw new CheckpointException(message, isTransient: false, hint);
        }
    }

    /// <summary>What speaks against a program using an archive, and what to do about it.</summary>
    /// <param name="owner">Whose it is; null: nobody's yet.</param>
    /// <param name="prefix">The program's prefix.</param>
    /// <param name="tables">What stands before a table's name.</param>
    public static (string Message, string Hint)? FindConflict(string? owner, string prefix, string tables) => owner is null || owner == prefix
        ? null
        : ($"The archive is that of prefix '{owner}'; this program's Checkpoints:Prefix is '{prefix}'.",
            "Give each prefix a Worker:Schema, Worker:TablePrefix or Worker:DataPath of its own. "
            + $"Where '{owner}' is used no more: UPDATE {tables}installation SET value = '{prefix.Replace("'", "''", StringComparison.Ordinal)}' WHERE name = 'prefix'.");
}
