using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>The script of LoadLatest by itself, one at a time: its answer is not decoded.</summary>
internal sealed class RedisLatestScript(string name) : RawRedis(name)
{
    private readonly RedisLayout _layout = new("floor", 256);

    public override async Task<Sample> RunAsync()
    {
        var redis = Database.Multiplexer;
        var hash = await redis.GetServer(redis.GetEndPoints()[0]).ScriptLoadAsync(RedisScripts.Latest.Text);
        var id = Guid.CreateVersion7().ToString();
        var sequence = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow());
        for (var i = 0; i < Lab.Executions; i++)
        {
            var checkpoint = new Checkpoint { ExecutionId = Rows.Execution(i), Id = id, NodeName = "node", State = Lab.State(1024) };
            var keys = _layout.StreamKeys(_layout.ShardOf(Rows.Execution(i)), Rows.Execution(i), "");
            var payload = RedisFormat.Payload(CheckpointCodec.Encode(checkpoint), sequence);
            await Database.HashSetAsync(keys[0], [new(RedisFormat.MetaField, RedisFormat.Sequence(sequence)), new(id, payload)]);
            await Database.SortedSetAddAsync(keys[1], id, sequence);
        }

        return await Load.MeasureAsync(Lab.Count(50_000, 5000), 1, async i =>
        {
            var keys = _layout.StreamKeys(_layout.ShardOf(Rows.Execution(i)), Rows.Execution(i), "");
            var found = (byte[][])(await Database.ScriptEvaluateAsync(hash, keys, []))!;
            Expect.Equal(1, found.Length, "checkpoints from Redis");
        });
    }
}
