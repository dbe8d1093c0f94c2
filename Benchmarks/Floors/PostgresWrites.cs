using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>How a raw client writes many rows.</summary>
internal enum BulkWrite
{
    Unnest,
    Copy,
}

/// <summary>Npgsql by itself: batches of rows, one transaction each, on so many connections.</summary>
internal sealed class PostgresWrites(string name, BulkWrite how, int batchRows, int connections, int stateBytes, int count, int quickCount) : IContender
{
    private Lab _lab = null!;
    private PostgresTable? _table;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, $"floor_{Guid.NewGuid():N}", create: true);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var table = _table!;
        await table.TruncateAsync();
        var state = _lab.State(stateBytes);
        var batches = _lab.Count(count, quickCount) / batchRows;
        var times = ProcessorTimes.Read(_lab);
        var started = await table.NowAsync();
        await Load.RunAsync(batches, connections, batch =>
        {
            var rows = Rows.Make(batch * batchRows, batchRows, state);
            return how == BulkWrite.Copy ? table.CopyAsync(rows) : table.UnnestAsync(rows);
        });
        var elapsed = await table.LastCommitAsync() - started;
        Expect.Equal((long)batches * batchRows, await table.CountAsync(), "rows in PostgreSQL");
        var sample = Sample.OfRate((long)batches * batchRows, elapsed);
        ProcessorTimes.Read(_lab).AddTo(sample, times, (long)batches * batchRows);
        return sample.With(Metric.MegabytesPerSecond, sample[Metric.Rate] * stateBytes / 1e6);
    }

    public async ValueTask DisposeAsync()
    {
        if (_table is not null)
        {
            await _table.DropAsync();
            await _table.DisposeAsync();
        }
    }
}
