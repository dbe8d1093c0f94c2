using System.Text.Json;
using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>A save as langgraph's Redis savers do it: the checkpoint as JSON, and its id in an index.</summary>
internal sealed class RedisJsonSaver(string name, int inFlight, int count, int quickCount) : RawRedis(name)
{
    private int _round;

    public override async Task<Sample> RunAsync()
    {
        var state = Lab.State(1024);
        var n = Lab.Count(count, quickCount);
        var round = _round++;
        var sample = await Load.MeasureAsync(n, inFlight, async i =>
        {
            var row = Rows.Make(i, state);
            var json = JsonSerializer.SerializeToUtf8Bytes(row);
            var set = Database.StringSetAsync($"floor:{round}:{row.ExecutionId}:{row.Id}", json);
            var index = Database.SetAddAsync($"floor:{round}:index:{row.ExecutionId}", row.Id);
            var order = Database.SortedSetAddAsync($"floor:{round}:order:{row.ExecutionId}", row.Id, row.Sequence);
            await Task.WhenAll(set, index, order);
        });
        var written = 0L;
        for (var i = 0; i < Lab.Executions; i++)
        {
            written += await Database.SetLengthAsync($"floor:{round}:index:{Rows.Execution(i)}");
        }

        Expect.Equal(n, written, "ids in Redis");
        return sample;
    }
}

/// <summary>A save as langgraph's PostgreSQL savers do it: INSERT … ON CONFLICT of one row, its own transaction.</summary>
internal sealed class PostgresSaver(string name, int inFlight, int count, int quickCount) : IContender
{
    private PostgresTable? _table;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, $"peer_{Guid.NewGuid():N}", create: true);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var table = _table!;
        await table.TruncateAsync();
        var state = _lab.State(1024);
        var n = _lab.Count(count, quickCount);
        var sample = await Load.MeasureAsync(n, inFlight, i => table.InsertAsync(Rows.Make(i, state)));
        Expect.Equal(n, await table.CountAsync(), "rows in PostgreSQL");
        return sample;
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
