using Npgsql;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>
/// Holds PostgreSQL's commits: a deferred trigger on the inbox waits for a lock that the test has. The worker sends its
/// transaction in one go, so only the server can stop between the inbox row and the commit.
/// </summary>
internal sealed class HeldCommits : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly string _schema;

    private HeldCommits(NpgsqlConnection connection, string schema) => (_connection, _schema) = (connection, schema);

    /// <summary>Holds every commit from now on.</summary>
    public static async Task<HeldCommits> StartAsync(string connectionString, string schema)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        var held = new HeldCommits(connection, schema);
        await held.ExecuteAsync(
            $"""
            SELECT pg_advisory_lock(hashtext('{schema}'));
            CREATE OR REPLACE FUNCTION "{schema}".hold() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext('{schema}')); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON "{schema}".inbox
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "{schema}".hold();
            """);
        return held;
    }

    /// <summary>Waits until a transaction stands before its commit.</summary>
    public Task WaitAsync() => FaultLab.UntilAsync(async () => (await PidsAsync()).Count > 0, "a transaction stands before its commit");

    /// <summary>Ends the sessions that stand before their commit: it does not happen.</summary>
    public async Task RollBackAsync()
    {
        foreach (var pid in await PidsAsync())
        {
            await ExecuteAsync($"SELECT pg_terminate_backend({pid}, 10000)");
        }
    }

    /// <summary>Lets go: what stands before its commit commits.</summary>
    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"SELECT pg_advisory_unlock(hashtext('{_schema}'))");
        await ExecuteAsync($"""DROP TRIGGER hold ON "{_schema}".inbox""");
        await _connection.DisposeAsync();
    }

    private async Task<List<int>> PidsAsync()
    {
        await using var command = new NpgsqlCommand(
            $"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = hashtext('{_schema}')::bigint & 4294967295", _connection);
        await using var reader = await command.ExecuteReaderAsync();
        var pids = new List<int>();
        while (await reader.ReadAsync())
        {
            pids.Add(reader.GetInt32(0));
        }

        return pids;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync();
    }
}
