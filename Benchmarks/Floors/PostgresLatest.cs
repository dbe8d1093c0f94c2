using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>Npgsql by itself: the newest checkpoint of an execution, one at a time.</summary>
internal sealed class PostgresLatest(string name) : IContender
{
    private PostgresTable? _table;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, $"floor_{Guid.NewGuid():N}", create: true);
        await _table.UnnestAsync(Rows.Make(0, Lab.Executions, lab.State(1024)));
        await RunAsync();
    }

    public Task<Sample> RunAsync() => Load.MeasureAsync(_lab.Count(10_000, 1000), 1, async i =>
        Expect.Equal(1024, (await _table!.SelectLatestAsync(Rows.Execution(i))).Length, "bytes from PostgreSQL"));

    public async ValueTask DisposeAsync()
    {
        if (_table is not null)
        {
            await _table.DropAsync();
            await _table.DisposeAsync();
        }
    }
}
