using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>The archive's transactions by themselves, as the worker makes them: inbox, tombstones, rows, outbox.</summary>
/// <param name="name">For the table.</param>
/// <param name="batchRows">Checkpoints in a transaction.</param>
/// <param name="connections">Transactions at the same time.</param>
internal sealed class ArchiveCommits(string name, int batchRows, int connections)
    : PostgresBatches(name, batchRows, connections, 1024, 200_000, 24_000)
{
    private static readonly byte[] Hash = new byte[32];
    private PostgresArchive? _archive;

    public override async ValueTask DisposeAsync()
    {
        if (_archive is not null)
        {
            await _archive.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    protected override void Open(Lab lab, string schema) =>
        _archive = new PostgresArchive(new PostgresArchiveOptions { ConnectionString = lab.Servers.Postgres, Schema = schema });

    protected override Task WriteAsync(PostgresTable table, IReadOnlyList<Row> rows)
    {
        var saves = rows.Select(row => new ArchiveSave(
            new Checkpoint { ExecutionId = row.ExecutionId, Id = row.Id, Sequence = row.Sequence, NodeName = "node", State = row.State, CreatedAt = DateTimeOffset.UnixEpoch },
            Hash,
            Uncached: false)).ToList();
        return _archive!.CommitAsync(new ArchiveBatch([new ArchiveCommand(Guid.CreateVersion7().ToString("N"), saves, [])], []), CancellationToken.None);
    }
}
