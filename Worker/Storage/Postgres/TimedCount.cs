using Npgsql;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>Counts that are only shown: a large table must not keep anybody from his work.</summary>
internal static class TimedCount
{
    /// <summary>How long counting may take.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Counts.</summary>
    /// <param name="command">Gives one number.</param>
    /// <param name="timeout">How long it may take, in whole seconds.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The number; null: it takes longer.</returns>
    public static async Task<long?> CountAsync(this NpgsqlCommand command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        command.CommandTimeout = (int)timeout.TotalSeconds;
        try
        {
            return (long?)await command.ExecuteScalarAsync(cancellationToken);
        }
        catch (NpgsqlException e) when (e.InnerException is TimeoutException)
        {
            return null;
        }
    }
}
