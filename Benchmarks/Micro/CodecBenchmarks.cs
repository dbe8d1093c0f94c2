using AsyncCheckpoints.Contracts;
using BenchmarkDotNet.Attributes;

namespace AsyncCheckpoints.Benchmarks.Micro;

/// <summary>A checkpoint to bytes, with both hashes, and back.</summary>
public class CodecBenchmarks
{
    private Checkpoint _checkpoint = null!;
    private byte[] _record = [];

    [Params(1024, 64 * 1024)]
    public int StateBytes { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _checkpoint = Checkpoints.Make(StateBytes);
        _record = CheckpointCodec.Encode(_checkpoint).Record.ToArray();
    }

    [Benchmark]
    public int Encode() => CheckpointCodec.Encode(_checkpoint).Record.Length;

    [Benchmark]
    public int Decode() => CheckpointCodec.Decode(_record, 1).State.Length;
}
