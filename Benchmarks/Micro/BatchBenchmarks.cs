using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using BenchmarkDotNet.Attributes;
using Google.Protobuf;

namespace AsyncCheckpoints.Benchmarks.Micro;

/// <summary>500 saves of 1 KB: to a message, and from a message to what the archive commits.</summary>
public class BatchBenchmarks
{
    private const int Count = 500;
    private Command[] _commands = [];
    private byte[] _message = [];

    [GlobalSetup]
    public void SetUp()
    {
        _commands = [.. Enumerable.Range(1, Count).Select(i =>
        {
            var encoded = CheckpointCodec.Encode(Checkpoints.Make(1024));
            return new Command
            {
                Kind = PendingKind.Save,
                Key = encoded.Key,
                Sequence = i,
                IsCached = true,
                Wanted = Durability.Queued,
                Room = default,
                Record = encoded.Record,
            };
        })];
        _message = Message();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public byte[] Message()
    {
        var message = new CheckpointCommands { SchemaVersion = Contracts.WireFormat.SchemaVersion, CommandId = "command" };
        foreach (var command in _commands)
        {
            command.AddTo(message);
        }

        return message.ToByteArray();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int Read()
    {
        var commands = new CommandReader(CheckpointLimits.DefaultMaxStateBytes).Read(FieldsInPlace.ReadCommands(_message));
        return new CommitPlan([commands.Command]).Saves.Count;
    }
}
