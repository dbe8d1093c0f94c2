using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>Records of a few bytes whose states take the worker's memory.</summary>
public sealed class CompressedStatesTests
{
    private const int StateBytes = 12 * 1024 * 1024;

    [Fact]
    public void Read_CompressedStates_AreCountedAsTheyAre()
    {
        var sut = new CommandReader(CheckpointLimits.DefaultMaxStateBytes);
        var records = Enumerable.Range(1, 2).Select(Record).ToList();
        var message = new CheckpointCommands { SchemaVersion = Contracts.WireFormat.SchemaVersion, CommandId = "c" };
        message.Saves.AddRange(records.Select((record, i) => new SaveCheckpoint
        {
            Sequence = i + 1,
            Record = UnsafeByteOperations.UnsafeWrap(record.Record),
            Cached = true,
        }));
        message.CalculateSize().ShouldBeLessThan(StateBytes / 100);

        sut.Read(message).Bytes.ShouldBe(2 * StateBytes);
        sut.Read([.. records.Select((record, i) => new PendingEntry(new PendingMark(PendingKind.Save, record.Key, i + 1, default), record.Record))])
            .Bytes.ShouldBe(2 * StateBytes);
    }

    [Fact]
    public async Task Rescue_CompressedStates_TakesATransactionForWhatFits()
    {
        var commits = 0;
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:RescueInterval"] = "00:00:00.100";
        var cache = Deployment.CacheOf(await deployment.StartClientAsync());

        // 60 MiB, of which 32 are a page.
        for (var sequence = 1; sequence <= 5; sequence++)
        {
            await cache.PutAsync(Record(sequence), sequence, default, true, CancellationToken.None);
        }

        var worker = await deployment.StartWorkerAsync(services => CallWatch.Watch<ICheckpointArchive, IWatchedArchive>(
            services,
            call =>
            {
                if (call == nameof(ICheckpointArchive.CommitAsync))
                {
                    Interlocked.Increment(ref commits);
                }
            }));
        await Deployment.UntilAsync(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "they are rescued");
        Volatile.Read(ref commits).ShouldBeGreaterThan(1);
        (await Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 100, true, CancellationToken.None)).ShouldBeEmpty();
    }

    private static EncodedCheckpoint Record(int number) => CheckpointCodec.Encode(
        new Checkpoint { ExecutionId = "x", Id = $"{number}", State = new byte[StateBytes], CreatedAt = DateTimeOffset.UnixEpoch }, 1024);
}
