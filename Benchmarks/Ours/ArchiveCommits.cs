using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>The archive's transactions by themselves, as the worker makes them: inbox, tombstones, rows, outbox.</summary>
/// <param name="name">For the table.</param>
/// <param name="batchRows">Checkpoints in a transaction.</param>
/// <param name="connections">Transactions at the same time.</param>
internal sealed class ArchiveCommits(string name, int batchRows, int connections) : IContender
{
    private readonly string _schema = $"floor_{Guid.NewGuid():N}";
    private Lab _lab = null!;
    private PostgresTable? _table;
    private PostgresArchive? _archive;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, _schema, create: true);
        _archive = new PostgresArchive(new PostgresArchiveOptions { ConnectionString = lab.Servers.Postgres, Schema = _schema });
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        await _table!.TruncateAsync();
        var state = _lab.State(1024);
        var batches = _lab.Count(200_000, 24_000) / batchRows;
        var times = ProcessorTimes.Read(_lab);
        var started = await _table.NowAsync();
        await Load.RunAsync(batches, connections, batch => CommitAsync(Rows.Make(batch * batchRows, batchRows, state)));
        var elapsed = await _table.LastCommitAsync() - started;
        Expect.Equal((long)batches * batchRows, await _table.CountAsync(), "rows in PostgreSQL");
        var sample = Sample.OfRate((long)batches * batchRows, elapsed);
        ProcessorTimes.Read(_lab).AddTo(sample, times, (long)batches * batchRows);
        return sample.With(Metric.MegabytesPerSecond, sample[Metric.Rate] * state.Length / 1e6);
    }

    public async ValueTask DisposeAsync()
    {
        if (_archive is not null)
        {
            await _archive.DisposeAsync();
        }

        if (_table is not null)
        {
            await _table.DropAsync();
            await _table.DisposeAsync();
        }
    }

    private Task<ArchiveCommit> CommitAsync(IReadOnlyList<Row> rows)
    {
        var saves = rows.Select(row => new ArchiveSave(
            new Checkpoint { ExecutionId = row.ExecutionId, Id = row.Id, Sequence = row.Sequence, NodeName = "node", State = row.State, CreatedAt = DateTimeOffset.UnixEpoch },
            new byte[32],
            Uncached: false)).ToList();
        return _archive!.CommitAsync(new ArchiveBatch([new ArchiveCommand(Guid.CreateVersion7().ToString("N"), saves, [])], []), CancellationToken.None);
    }
}
