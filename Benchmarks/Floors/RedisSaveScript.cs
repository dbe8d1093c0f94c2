using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using StackExchange.Redis;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>
/// The script of a cached save by itself, with a payload that is ready: what atomicity, order and the check for the same
/// content cost in Redis, without our client around it.
/// </summary>
internal sealed class RedisSaveScript(string name, int inFlight, int count, int quickCount) : RawRedis(name)
{
    private const int Shards = 256;
    private readonly RedisLayout _layout = new("floor", Shards);
    private int _round;

    public override async Task<Sample> RunAsync()
    {
        var hash = await LoadAsync();
        var encoded = CheckpointCodec.Encode(
            new Checkpoint { ExecutionId = Rows.Execution(0), Id = Guid.CreateVersion7().ToString(), NodeName = "node", State = Lab.State(1024) });
        var first = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow());
        RedisValue deadline = first + 3_600_000_000;
        var n = Lab.Count(count, quickCount);
        var round = _round++;
        var times = ProcessorTimes.Read(Lab);
        var sample = await Load.MeasureAsync(n, inFlight, async i =>
        {
            var key = new CheckpointKey($"{round}-{Rows.Execution(i)}", Guid.CreateVersion7().ToString());
            var keys = _layout.StreamKeys(_layout.ShardOf(key.ExecutionId), key.ExecutionId, key.Namespace);
            var sequence = first + i;
            var saved = (byte[])(await Database.ScriptEvaluateAsync(
                hash, keys, [deadline, "", "", key.Id, RedisFormat.Payload(encoded, sequence), RedisFormat.Member('s', key, sequence)]))!;
            if (saved.Length != RedisFormat.SequenceLength)
            {
                throw new InvalidOperationException("The script did not save.");
            }
        });
        ProcessorTimes.Read(Lab).AddTo(sample, times, n);
        var written = await Task.WhenAll(_layout.PendingKeys.Select(key => Database.SortedSetLengthAsync(key)));
        Expect.Equal((long)n * _round, written.Sum(), "marks in Redis");
        return sample;
    }

    private async Task<byte[]> LoadAsync()
    {
        var redis = Database.Multiplexer;
        return await redis.GetServer(redis.GetEndPoints()[0]).ScriptLoadAsync(RedisScripts.Save.Text);
    }
}
