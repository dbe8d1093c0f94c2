using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>
/// The archive in PostgreSQL 12 or newer. All its times but a checkpoint's own are the database's, so several workers
/// agree on leases.
/// </summary>
internal sealed partial class PostgresArchive : ICheckpointArchive, IJobStore, IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly string _tables;
    private readonly PostgresSql _sql;
    private readonly PostgresMigrator _migrator;
    private readonly long _lockBase;
    private readonly CountedTotal _total;

    /// <summary>Creates the archive; connects when it is first used.</summary>
    /// <param name="options">Where the database is.</param>
    /// <param name="loggers">Npgsql's log, if wanted.</param>
    /// <exception cref="OptionsValidationException">The options are not valid.</exception>
    public PostgresArchive(PostgresArchiveOptions options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var validation = new PostgresArchiveOptionsValidator().Validate(null, options);
        if (validation.Failed)
        {
            throw new OptionsValidationException(nameof(PostgresArchiveOptions), typeof(PostgresArchiveOptions), validation.Failures);
        }

        var builder = new NpgsqlDataSourceBuilder(options.ConnectionString);
        if (!SaysWhatToPrepare(options.ConnectionString))
        {
            builder.ConnectionStringBuilder.MaxAutoPrepare = 40;
            builder.ConnectionStringBuilder.AutoPrepareMinUsages = 2;
        }

        // Nothing here leaves a setting or a lock behind in its session.
        builder.ConnectionStringBuilder.NoResetOnClose = true;
        builder.UseLoggerFactory(loggers);
        _source = builder.Build();
        _tables = $"\"{options.Schema}\".{options.TablePrefix}";
        _sql = new PostgresSql(_tables);
        _lockBase = LockBase(options);
        _total = new CountedTotal(CountAllAsync, TimeProvider.System);
        _migrator = new PostgresMigrator(_source, options, _sql, _tables, _lockBase + Buckets);
    }

    /// <inheritdoc />
    public string Name => "postgres";

    /// <summary>A pooler that keeps no prepared statements needs 0.</summary>
    private static bool SaysWhatToPrepare(string connectionString)
    {
        var builder = new DbConnectionStringBuilder { ConnectionString = connectionString };
        return builder.ContainsKey("Max Auto Prepare") || builder.ContainsKey("MaxAutoPrepare");
    }

    public int MaxWriters => int.MaxValue;

    /// <inheritdoc />
    public Task<int> MigrateAsync(CancellationToken cancellationToken) => _migrator.MigrateAsync(cancellationToken);

    /// <inheritdoc />
    public async Task ClaimAsync(string prefix, CancellationToken cancellationToken)
    {
        await using var batch = _source.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_sql.PrefixAdd) { Parameters = { Text(prefix) } });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_sql.PrefixRead));
        Ownership.ThrowIfOthers((string?)await batch.ExecuteScalarAsync(cancellationToken), prefix, _tables);
    }

    /// <inheritdoc />
    public async Task PingAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(PostgresSql.Ping);
        await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <inheritdoc />
    public async Task ProbeAsync(CancellationToken cancellationToken)
    {
        // One transaction, as in CommitAsync.
        var id = $"probe:{Guid.CreateVersion7():N}";
        await using var batch = _source.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_sql.ProbeAdd) { Parameters = { Text(id) } });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_sql.ProbeRemove) { Parameters = { Text(id) } });
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static NpgsqlParameter<T> Parameter<T>(T value, NpgsqlDbType type) => new() { TypedValue = value, NpgsqlDbType = type };

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter<string?[]> Texts(IEnumerable<string?> values) => Parameter(values.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);

    private static NpgsqlParameter Bigint(long? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint };

    // The lowest 8 bits are free for the buckets and the migration.
    private static long LockBase(PostgresArchiveOptions options) =>
        BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"asynccheckpoints/{options.Schema}/{options.TablePrefix}"))) & ~0xFFL;
}
