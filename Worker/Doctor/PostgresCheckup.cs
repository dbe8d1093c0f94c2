using System.Globalization;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Npgsql;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>PostgreSQL: version, durability, encoding, isolation, clock, schema, rights, connections.</summary>
internal static class PostgresCheckup
{
    private const string Part = "postgres";
    private const int OldestVersion = 120000;
    private const int ReservedConnections = 5;
    private static readonly TimeSpan MaxClockDifference = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(
        string connectionString, string prefix, WorkerOptions options, TimeProvider time, List<Finding> findings, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        var version = int.Parse(await ScalarAsync<string>(source, "/* doctor.version */ SELECT current_setting('server_version_num')", cancellationToken), CultureInfo.InvariantCulture);
        findings.Add(version >= OldestVersion
            ? new Finding(Severity.Ok, Part, "version", $"{version / 10000}")
            : new Finding(Severity.Error, Part, "version", $"{version / 10000}; 12 is the oldest that works.", "Upgrade it."));
        await CheckAsync("fsync", value => value == "on", "a crash of the machine can damage the database.", "Set fsync = on.", Severity.Error);
        await CheckAsync(
            "synchronous_commit", value => value != "off", "a crash loses commits that were acknowledged.", "Set synchronous_commit = on, for the worker's role at least.", Severity.Error);
        await CheckAsync("full_page_writes", value => value == "on", "a crash of the machine can damage pages.", "Set full_page_writes = on.", Severity.Error);
        await CheckAsync(
            "server_encoding", value => value == "UTF8", "the worker refuses it.",
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'.", Severity.Error);
        await CheckAsync(
            "default_transaction_isolation", value => value == "read committed", "the worker refuses it.",
            "ALTER ROLE … SET default_transaction_isolation = 'read committed'.", Severity.Error);
        // Of a standby too, whose default is off.
        await CheckAsync(
            "transaction_read_only", value => value == "off", "nothing can be archived.",
            "Point ConnectionStrings:Postgres to the primary, and set default_transaction_read_only = off.", Severity.Error);
        await CheckConnectionsAsync(source, connectionString, findings, cancellationToken);
        var there = await ScalarAsync<DateTime>(source, "/* doctor.clock */ SELECT clock_timestamp()", cancellationToken);
        var difference = (new DateTimeOffset(there, TimeSpan.Zero) - time.GetUtcNow()).Duration();
        findings.Add(difference <= MaxClockDifference
            ? new Finding(Severity.Ok, Part, "clock", $"{difference.TotalMilliseconds:F0} ms from this machine's")
            : new Finding(Severity.Warning, Part, "clock", $"{difference.TotalSeconds:F1} s from this machine's.", "Let both follow NTP."));
        await CheckSchemaAsync(source, prefix, options, findings, cancellationToken);

        async Task CheckAsync(string setting, Func<string, bool> isGood, string harm, string advice, Severity severity)
        {
            var value = await ScalarAsync<string>(source, $"/* doctor.setting */ SELECT current_setting('{setting}')", cancellationToken);
            findings.Add(isGood(value)
                ? new Finding(Severity.Ok, Part, setting, value)
                : new Finding(severity, Part, setting, $"{value}: {harm}", advice));
        }
    }

    private static async Task CheckConnectionsAsync(NpgsqlDataSource source, string connectionString, List<Finding> findings, CancellationToken cancellationToken)
    {
        var allowed = int.Parse(await ScalarAsync<string>(source, "/* doctor.connections */ SELECT current_setting('max_connections')", cancellationToken), CultureInfo.InvariantCulture);
        var pool = new NpgsqlConnectionStringBuilder(connectionString).MaxPoolSize;
        findings.Add(pool <= allowed - ReservedConnections
            ? new Finding(Severity.Ok, Part, "max_connections", $"{allowed}, of which one worker takes up to {pool}")
            : new Finding(
                Severity.Warning, Part, "max_connections", $"{allowed}, and one worker may take {pool}.", $"Raise max_connections, or set Maximum Pool Size below {allowed - ReservedConnections}."));
    }

    private static async Task CheckSchemaAsync(NpgsqlDataSource source, string prefix, WorkerOptions options, List<Finding> findings, CancellationToken cancellationToken)
    {
        var missing = await MissingRightsAsync(source, options, cancellationToken);
        if (missing.Length > 0)
        {
            findings.Add(new Finding(Severity.Error, Part, "rights", $"The role lacks {missing}.", $"Grant it, or have a role that owns schema \"{options.Schema}\" run the worker and 'migrate'."));
            return;
        }

        findings.Add(new Finding(Severity.Ok, Part, "rights", "The role has what a worker needs."));
        var tables = $"\"{options.Schema}\".{options.TablePrefix}";
        var sql = new PostgresSql(tables);
        await using var exists = source.CreateCommand(PostgresSql.TableExists);
        exists.Parameters.Add(new() { Value = $"{tables}schema_version" });
        var known = Migrations.Load("Postgres", tables, options.TablePrefix)[^1].Version;
        var found = await exists.ExecuteScalarAsync(cancellationToken) is true
            ? await ScalarAsync<int>(source, sql.VersionRead, cancellationToken)
            : 0;
        findings.Add(SchemaFinding(Part, found, known));
        if (found == known)
        {
            await using var read = source.CreateCommand(sql.PrefixRead);
            findings.Add(OwnerFinding(Part, (string?)await read.ExecuteScalarAsync(cancellationToken), prefix, tables));
        }
    }

    private static async Task<string> MissingRightsAsync(NpgsqlDataSource source, WorkerOptions options, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            /* doctor.rights */
            SELECT coalesce(string_agg(m.missing, ', ' ORDER BY m.missing), '')
            FROM (
                SELECT 'CREATE on database ' || current_database() AS missing
                WHERE to_regnamespace(quote_ident($1)) IS NULL AND NOT has_database_privilege(current_database(), 'CREATE')
                UNION ALL
                SELECT 'USAGE on schema ' || n.nspname FROM pg_namespace AS n WHERE n.nspname = $1 AND NOT has_schema_privilege(n.oid, 'USAGE')
                UNION ALL
                SELECT r.right_name || ' on ' || c.relname
                FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (right_name)
                WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, r.right_name)
                    AND (c.relname = ANY ($2) OR c.relname = $3 AND r.right_name = 'SELECT')
            ) AS m
            """);
        string[] names = ["checkpoints", "inbox", "outbox", "dead_letters", "tombstones", "jobs", "job_findings", "audit", "installation"];
        command.Parameters.Add(new() { Value = options.Schema });
        command.Parameters.Add(new() { Value = names.Select(name => options.TablePrefix + name).ToArray() });
        command.Parameters.Add(new() { Value = $"{options.TablePrefix}schema_version" });
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>What a schema's version means.</summary>
    public static Finding SchemaFinding(string part, int found, int known) =>
        found > known ? new Finding(Severity.Error, part, "schema", $"Version {found}; this program knows versions up to {known}.", "Run the newer program.")
        : found < known ? new Finding(Severity.Ok, part, "schema", $"Version {found}; 'migrate', or the next start of a worker, brings it to {known}.")
        : new Finding(Severity.Ok, part, "schema", $"Version {found}");

    /// <summary>Whose archive it is.</summary>
    public static Finding OwnerFinding(string part, string? owner, string prefix, string tables) => Ownership.FindConflict(owner, prefix, tables) is var (message, hint)
        ? new Finding(Severity.Error, part, "prefix", message, hint)
        : new Finding(Severity.Ok, part, "prefix", owner ?? "The first worker that starts takes it.");

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource source, string sql, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
