using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Servers;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class OrderFaultTests(FaultServers servers)
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Redeliver_SaveAfterDeleteOrClear_StaysDeleted(bool isClear) => FaultLab.RunAsync(servers.Set, 3601, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await FaultLab.ReadyAsync(client);
        var checkpoint = new Checkpoint { ExecutionId = "run", Id = "a", State = new byte[] { 1 }, CreatedAt = DateTimeOffset.UnixEpoch };
        var saved = await client.SaveAsync(checkpoint, Persisted);
        await (isClear ? client.ClearAsync("run", Durability.Persisted) : client.DeleteAsync(saved.Key, Durability.Persisted));
        await FaultLab.UntilAsync(() => Task.FromResult(lab.Events.DeletionOf(saved.Key, saved.Sequence) is not null), "its deletion is announced");
        var announced = lab.Events.DeletionOf(saved.Key, saved.Sequence)!;
        announced.Namespace.ShouldBe(isClear ? null : "");
        announced.Id.ShouldBe(isClear ? null : "a");

        await RedeliverAsync(lab, (checkpoint, saved.Sequence), isCached: true);
        await RedeliverAsync(lab, (checkpoint, saved.Sequence), isCached: false);
        await client.SaveAsync(new Checkpoint { ExecutionId = "behind" }, Persisted);
        await lab.SettleAsync(host);

        (await client.LoadAsync(saved.Key)).ShouldBeNull();
        (await client.LoadLatestAsync("run")).ShouldBeNull();
        (await FindAsync(lab, "run")).ShouldBeEmpty();
        lab.Events.Unstable().ShouldBeEmpty();

        var again = await client.SaveAsync(checkpoint, Persisted);
        (await client.LoadLatestAsync("run"))!.Sequence.ShouldBe(again.Sequence);
    });

    [Fact]
    public Task Replay_OldMessages_DoNotMoveLatest() => FaultLab.RunAsync(servers.Set, 3602, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await FaultLab.ReadyAsync(client);
        var old = new List<(Checkpoint, long)>();
        for (var i = 0; i < 20; i++)
        {
            // The same id takes part: its old content must not come back either.
            var checkpoint = new Checkpoint { ExecutionId = "run", Id = $"{i % 10}", Version = i, CreatedAt = DateTimeOffset.UnixEpoch };
            old.Add((checkpoint, (await client.SaveAsync(checkpoint, Persisted)).Sequence));
        }

        foreach (var message in old.OrderBy(_ => lab.Random.Next()))
        {
            await RedeliverAsync(lab, message, isCached: lab.Random.Next(2) == 0);
        }

        await client.SaveAsync(new Checkpoint { ExecutionId = "behind" }, Persisted);
        await lab.SettleAsync(host);
        (await client.LoadLatestAsync("run"))!.Version.ShouldBe(19);
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "run" })).Items.Select(item => item.Version)
            .ShouldBe(Enumerable.Range(10, 10).Reverse().Select(i => (long)i));
        (await FindAsync(lab, "run")).Select(item => item.Version).ShouldBe(Enumerable.Range(10, 10).Reverse().Select(i => (long)i));
    });

    [Fact]
    public Task Jump_ClockOfTheApplicationBackOneHour_KeepsTheOrder() => FaultLab.RunAsync(servers.Set, 3603, async lab =>
    {
        await lab.StartWorkerAsync();
        var time = new JumpingTime();
        var first = await lab.StartClientAsync(time: time);
        var expected = new List<string>();
        await SaveAsync(first, 20);
        time.Jump(TimeSpan.FromHours(-1));
        await SaveAsync(first, 20);
        await lab.Redis.CutAsync();
        await SaveAsync(first, 20);
        lab.Redis.Restore();

        // A new process takes its time from Redis, not from its own clock.
        var second = await lab.StartClientAsync(time: time);
        await SaveAsync(second, 20);
        await FaultLab.ClientOf(second).SaveAsync(new Checkpoint { ExecutionId = "behind" }, Persisted);
        await lab.SettleAsync(second);
        (await FindAsync(lab, "run")).Reverse().Select(item => item.Id).ShouldBe(expected);
        (await FaultLab.ClientOf(second).LoadLatestAsync("run"))!.Id.ShouldBe(expected[^1]);

        async Task SaveAsync(IHost client, int count)
        {
            for (var i = 0; i < count; i++)
            {
                expected.Add($"{expected.Count}");
                await FaultLab.ClientOf(client).SaveAsync(new Checkpoint { ExecutionId = "run", Id = expected[^1] });
            }
        }
    });

    [Fact]
    public Task Start_ClockBehindWhileRedisIsAway_GoesByTheTimeOfAWorker() => FaultLab.RunAsync(servers.Set, 3605, async lab =>
    {
        await lab.StartWorkerAsync();
        var late = await StartBehindAsync(lab);
        await SaveLateAsync(late, Persisted);
        lab.Redis.Restore();
        await lab.SettleAsync(late);

        (await FindAsync(lab, "run")).Select(item => (item.Id, item.Version)).ShouldBe([("old", 2L), ("new", 2L), ("other", 1L)]);
        (await FindAsync(lab, "cleared")).Single().Id.ShouldBe("new");
    });

    /// <summary>The limit that docs/GUARANTEES.md states: nobody to ask at the start, a clock behind, and Redis still away.</summary>
    [Fact]
    public Task Start_ClockBehindWhileRedisAndWorkersAreAway_RanksBelowWhatIsThere() => FaultLab.RunAsync(servers.Set, 3606, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var late = await StartBehindAsync(lab, worker);
        await SaveLateAsync(late, new SaveOptions { Durability = Durability.Queued });
        var last = await FaultLab.ClientOf(late).SaveAsync(new Checkpoint { ExecutionId = "last" });
        await lab.StartWorkerAsync();
        lab.Redis.Restore();
        await FaultLab.UntilAsync(async () => (await FindAsync(lab, "last")).Any(item => item.Id == last.Key.Id), "the last one is archived");
        await lab.SettleAsync(late);

        // A new id is kept, in a place before what was there; new content and what a tombstone covers are not.
        (await FindAsync(lab, "run")).Select(item => (item.Id, item.Version)).ShouldBe([("other", 1L), ("old", 1L), ("new", 2L)]);
        (await FindAsync(lab, "cleared")).ShouldBeEmpty();

        // With Redis back, order is the order of saves again.
        var save = await FaultLab.ClientOf(late).SaveAsync(new Checkpoint { ExecutionId = "run", Id = "old", Version = 3 }, Persisted);
        save.Cached.ShouldBeTrue();
        (await FindAsync(lab, "run"))[0].Version.ShouldBe(3);
    });

    /// <summary>A client whose clock is an hour behind and that cannot reach Redis, after others have saved and cleared.</summary>
    private static async Task<IHost> StartBehindAsync(FaultLab lab, WorkerProcess? killed = null)
    {
        var first = FaultLab.ClientOf(await lab.StartClientAsync());
        await FaultLab.ReadyAsync(first);
        await first.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "old", Version = 1 }, Persisted);
        await first.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "other", Version = 1 }, Persisted);
        await first.SaveAsync(new Checkpoint { ExecutionId = "cleared", Id = "old", Version = 1 }, Persisted);
        await first.ClearAsync("cleared", Durability.Persisted);
        if (killed is not null)
        {
            await lab.KillAsync(killed);
        }

        await lab.Redis.CutAsync();
        var time = new JumpingTime();
        time.Jump(TimeSpan.FromHours(-1));
        return await lab.StartClientAsync(time: time);
    }

    private static async Task SaveLateAsync(IHost late, SaveOptions options)
    {
        var client = FaultLab.ClientOf(late);
        (await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "new", Version = 2 }, options)).Cached.ShouldBeFalse();
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "old", Version = 2 }, options);
        await client.SaveAsync(new Checkpoint { ExecutionId = "cleared", Id = "new", Version = 2 }, options);
    }

    /// <summary>A buffered save of this process comes before a delete that was called after it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Delete_BehindBufferedSaves_DeletesThem(bool isClear) => FaultLab.RunAsync(servers.Set, 3604, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < 500; i++)
            {
                client.TrySave(new Checkpoint { ExecutionId = "run", Id = $"{i}", Version = round, State = new byte[1000] }).ShouldBeTrue();
            }

            await (isClear ? client.ClearAsync("run") : client.DeleteAsync(new CheckpointKey("run", "", "499")));
            (await client.LoadAsync(new CheckpointKey("run", "", "499"))).ShouldBeNull();
        }

        await client.FlushAsync();
        await lab.SettleAsync(host);
        (await FindAsync(lab, "run")).ShouldNotContain(item => item.Id == "499");
    });

    internal static async Task<IReadOnlyList<Checkpoint>> FindAsync(FaultLab lab, string executionId) => (await lab.Archive.FindAsync(
        new CheckpointQuery { ExecutionId = executionId, Limit = CheckpointQuery.MaxLimit }, null, null, long.MaxValue, CancellationToken.None)).Items;

    /// <summary>A message as a client sends it, under another command id: the inbox does not know it.</summary>
    internal static async Task RedeliverAsync(FaultLab lab, (Checkpoint Checkpoint, long Sequence) save, bool isCached)
    {
        var message = new CheckpointCommands
        {
            SchemaVersion = WireFormat.SchemaVersion,
            CommandId = Guid.NewGuid().ToString("N"),
            Saves =
            {
                new SaveCheckpoint
                {
                    Sequence = save.Sequence, Record = ByteString.CopyFrom(CheckpointCodec.Encode(save.Checkpoint).Record.Span), Cached = isCached,
                },
            },
        };
        await RawQueue.PublishAsync(lab.Servers.RabbitMq, lab.Prefix, (WireFormat.ContentType.MediaType, message.ToByteArray()));
    }
}
