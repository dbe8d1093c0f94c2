using System.Globalization;
using Npgsql;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>Brings one schema and prefix up to date, in one transaction that holds their advisory lock.</summary>
internal sealed class PostgresMigrator(NpgsqlDataSource source, PostgresArchiveOptions options, PostgresSql sql, string tables, long lockKey)
{
    /// <summary>Applies what is missing.</summary>
    /// <param name="cancellationToken">Stops it; nothing is applied then.</param>
    /// <returns>How many scripts were applied.</returns>
    public async Task<int> MigrateAsync(CancellationToken cancellationToken)
    {
        var migrations = Migrations.Load("Postgres", tables, options.TablePrefix);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);

        // Another one has no place for some characters of ids and metadata, or jsonb refuses them.
        await RequireAsync(
            connection,
            "server_encoding",
            "UTF8",
            "Make one with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'; pg_dump and pg_restore take along what is archived.",
            cancellationToken);

        // A commit takes its locks first and relies on the next statement's snapshot being newer.
        await RequireAsync(
            connection,
            "default_transaction_isolation",
            "read committed",
            "Set it for the worker's role: ALTER ROLE … SET default_transaction_isolation = 'read committed'.",
            cancellationToken);

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, PostgresSql.MigrationLock, cancellationToken, lockKey);
        if (!await IsTrueAsync(connection, PostgresSql.SchemaExists, options.Schema, cancellationToken))
        {
            await ExecuteAsync(connection, $"/* migration.schema */ CREATE SCHEMA \"{options.Schema}\"", cancellationToken);
        }

        var version = 0;
        if (await IsTrueAsync(connection, PostgresSql.TableExists, $"{tables}schema_version", cancellationToken))
        {
            await using var read = new NpgsqlCommand(sql.VersionRead, connection);
            version = Convert.ToInt32(await read.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
            Migrations.ThrowIfNewer(version, migrations[^1].Version);
        }
        else
        {
            await ExecuteAsync(connection, sql.VersionTable, cancellationToken);
        }

        var applied = 0;
        foreach (var migration in migrations.Where(migration => migration.Version > version))
        {
            await ExecuteAsync(connection, migration.Sql, cancellationToken);
            await ExecuteAsync(connection, sql.VersionAdd, cancellationToken, migration.Version, migration.Name);
            applied++;
        }

        await transaction.CommitAsync(cancellationToken);
        return applied;
    }

    private static async Task RequireAsync(
        NpgsqlConnection connection, string setting, string required, string hint, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(PostgresSql.Setting, connection) { Parameters = { new() { Value = setting } } };
        if (await command.ExecuteScalarAsync(cancellationToken) is string value && value != required)
        {
            throw new CheckpointException(
                $"The database's {setting} is '{value}'; the archive needs '{required}'.", isTransient: false, hint);
        }
    }

    private static async Task<bool> IsTrueAsync(NpgsqlConnection connection, string text, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(text, connection) { Parameters = { new() { Value = name } } };
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string text, CancellationToken cancellationToken, params object[] values)
    {
        // No timeout: another worker's migration may hold the lock for long.
        await using var command = new NpgsqlCommand(text, connection) { CommandTimeout = 0 };
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
