using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>Batches of rows in a schema of its own, so many at the same time.</summary>
internal abstract class PostgresBatches(string name, int batchRows, int connections, int stateBytes, int count, int quickCount) : IContender
{
    private Lab _lab = null!;
    private PostgresTable? _table;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, $"floor_{Guid.NewGuid():N}", create: true);
        Open(lab, _table.Schema);
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
        await Load.RunAsync(batches, connections, batch => WriteAsync(table, Rows.Make(batch * batchRows, batchRows, state)));
        var elapsed = await table.LastCommitAsync() - started;
        Expect.Equal((long)batches * batchRows, await table.CountAsync(), "rows in PostgreSQL");
        var sample = Sample.OfRate((long)batches * batchRows, elapsed);
        ProcessorTimes.Read(_lab).AddTo(sample, times, (long)batches * batchRows);
        return sample.With(Metric.MegabytesPerSecond, sample[Metric.Rate] * stateBytes / 1e6);
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (_table is not null)
        {
            await _table.DropAsync();
            await _table.DisposeAsync();
        }
    }

    /// <summary>Opens what a batch needs besides the table.</summary>
    /// <param name="lab">The servers.</param>
    /// <param name="schema">The table's schema.</param>
    protected virtual void Open(Lab lab, string schema)
    {
    }

    /// <summary>Writes a batch in one transaction.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rows">The rows.</param>
    protected abstract Task WriteAsync(PostgresTable table, IReadOnlyList<Row> rows);
}
