using AsyncCheckpoints.Contracts;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

/// <summary>The archive in one SQLite file: one writer, WAL, every commit on the disk. Times come from the clock given.</summary>
internal sealed partial class SqliteArchive : ICheckpointArchive, IJobStore, IAsyncDisposable
{
    private readonly SqliteArchiveOptions _options;
    private readonly SqliteConnections _connections;
    private readonly SqliteSql _sql;
    private readonly TimeProvider _time;
    private readonly CountedTotal _total;
    private long _written;

    /// <summary>Creates the archive; opens the file when it is first used.</summary>
    /// <param name="options">Where the file is.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsValidationException">The options are not valid.</exception>
    public SqliteArchive(SqliteArchiveOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        var validation = new SqliteArchiveOptionsValidator().Validate(null, options);
        if (validation.Failed)
        {
            throw new OptionsValidationException(nameof(SqliteArchiveOptions), typeof(SqliteArchiveOptions), validation.Failures);
        }

        _options = options;
        _connections = new SqliteConnections(options);
        _sql = new SqliteSql(options.TablePrefix);
        _time = time;
        _total = new CountedTotal(CountAllAsync, time);
    }

    /// <inheritdoc />
    public string Name => "sqlite";

    public int MaxWriters => 1;

    private long Now => CheckpointCodec.ToMicroseconds(_time.GetUtcNow());

    /// <inheritdoc />
    public Task<int> MigrateAsync(CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) =>
        {
            var migrations = Migrations.Load("Sqlite", _options.TablePrefix, _options.TablePrefix);
            var version = 0;
            if (prepare(_sql.TableExists).Number(transaction) > 0)
            {
                version = (int)prepare(_sql.VersionRead).Number(transaction);
                Migrations.ThrowIfNewer(version, migrations[^1].Version);
            }
            else
            {
                prepare(_sql.VersionTable).Execute(transaction);
            }

            var applied = 0;
            foreach (var migration in migrations.Where(migration => migration.Version > version))
            {
                cancellationToken.ThrowIfCancellationRequested();
                using (var script = new SqliteStatement(transaction.Connection!, migration.Sql))
                {
                    script.Execute(transaction);
                }

                prepare(_sql.VersionAdd).Execute(transaction, (long)migration.Version, migration.Name, Now);
                applied++;
            }

            return applied;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task ClaimAsync(string prefix, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) =>
        {
            prepare(_sql.PrefixAdd).Execute(transaction, prefix);
            using var reader = prepare(_sql.PrefixRead).Query(transaction);
            Ownership.ThrowIfOthers(reader.Read() ? reader.GetString(0) : null, prefix, _options.TablePrefix);
            return true;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task PingAsync(CancellationToken cancellationToken) => _connections.ReadAsync(
        connection =>
        {
            using var statement = new SqliteStatement(connection, SqliteSql.Ping);
            return statement.Number(null);
        },
        cancellationToken);

    /// <inheritdoc />
    public Task ProbeAsync(CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) =>
        {
            var id = $"probe:{Guid.CreateVersion7():N}";
            foreach (var sql in _sql.ProbeAdd)
            {
                prepare(sql).Execute(transaction, id, Now);
            }

            return _sql.ProbeRemove.Sum(sql => prepare(sql).Execute(transaction, id));
        },
        cancellationToken);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _connections.DisposeAsync();
}
