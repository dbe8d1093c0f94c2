using AsyncCheckpoints.Benchmarks.Measuring;
using StackExchange.Redis;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>SET of one state, one at a time or pipelined.</summary>
internal sealed class RedisSet(string name, int stateBytes, int inFlight, int count, int quickCount) : RawRedis(name)
{
    public override async Task<Sample> RunAsync()
    {
        var state = Lab.State(stateBytes);
        var n = Lab.Count(count, quickCount);
        var sample = await Load.MeasureAsync(n, inFlight, i => Database.StringSetAsync("floor:" + Rows.Execution(i), state));
        Expect.Equal(stateBytes, await Database.StringLengthAsync("floor:" + Rows.Execution(n - 1)), "bytes in Redis");
        return sample.With(Metric.MegabytesPerSecond, sample[Metric.Rate] * stateBytes / 1e6);
    }
}

/// <summary>What a cached save has to write, without atomicity and checks: SET, ZADD, ZADD.</summary>
internal sealed class RedisSetZaddZadd(string name, int inFlight, int count, int quickCount) : RawRedis(name)
{
    private int _round;

    public override async Task<Sample> RunAsync()
    {
        var state = Lab.State(1024);
        var n = Lab.Count(count, quickCount);
        var round = _round++;
        var times = ProcessorTimes.Read(Lab);
        var sample = await Load.MeasureAsync(n, inFlight, i =>
        {
            RedisValue id = string.Concat(Rows.Execution(i), ":", i.ToString("D16", null));
            var set = Database.StringSetAsync($"floor:{round}:{id}", state);
            var stream = Database.SortedSetAddAsync($"floor:{round}:z:{Rows.Execution(i)}", id, i);
            var pending = Database.SortedSetAddAsync($"floor:{round}:p:{i & 255}", id, i);
            return Task.WhenAll(set, stream, pending);
        });
        var written = 0L;
        for (var shard = 0; shard < 256; shard++)
        {
            written += await Database.SortedSetLengthAsync($"floor:{round}:p:{shard}");
        }

        Expect.Equal(n, written, "marks in Redis");
        ProcessorTimes.Read(Lab).AddTo(sample, times, n);
        return sample;
    }
}

/// <summary>GET of 1 KB, one at a time.</summary>
internal sealed class RedisGet(string name) : RawRedis(name)
{
    public override async Task<Sample> RunAsync()
    {
        var state = Lab.State(1024);
        for (var i = 0; i < Lab.Executions; i++)
        {
            await Database.StringSetAsync("floor:" + Rows.Execution(i), state);
        }

        return await Load.MeasureAsync(Lab.Count(50_000, 5000), 1, async i =>
        {
            byte[]? value = await Database.StringGetAsync("floor:" + Rows.Execution(i));
            Expect.Equal(1024, value!.Length, "bytes from Redis");
        });
    }
}
