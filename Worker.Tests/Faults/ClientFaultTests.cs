using AsyncCheckpoints.Tests.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>What becomes of saves and deletions whose caller, or whose application, does not wait for them.</summary>
[Collection(FaultTestGroup.Name)]
public sealed class ClientFaultTests(FaultServers servers)
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    /// <summary>The caller of a save that has ended may use its buffer for something else, also where the save goes on.</summary>
    [Fact]
    public Task Save_CancelledBeforeRedisIsReached_KeepsTheBytesOfTheCall() => FaultLab.RunAsync(servers.Set, 3501, async lab =>
    {
        await lab.StartWorkerAsync();
        lab.Redis.Freeze();
        var host = await lab.StartClientAsync();
        var state = Enumerable.Repeat((byte)0xAA, 100).ToArray();
        using var cancellation = new CancellationTokenSource();
        var save = FaultLab.ClientOf(host).SaveAsync(new Checkpoint { ExecutionId = "e", Id = "a", State = state }, new SaveOptions { Durability = Durability.Queued }, cancellation.Token);
        await cancellation.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => save);
        Array.Fill(state, (byte)0xEE);
        lab.Redis.Thaw();

        await FaultLab.UntilAsync(async () => await FindAsync(lab, "e") is not null, "the save goes on");
        (await FindAsync(lab, "e"))!.State.ToArray().ShouldAllBe(part => part == 0xAA);
    });

    /// <summary>Saves whose callers have been told that they failed are left to the rescuer: they take no room from those that can go on.</summary>
    [Fact]
    public Task Persisted_SavesThatFailed_GiveTheirRoomBack() => BrokerIsAwayAsync(3309, async client =>
    {
        var saves = Enumerable.Range(0, 8).Select(i => client.SaveAsync(new Checkpoint { ExecutionId = "persisted", Id = $"{i}" }, Persisted)).ToList();
        (await Should.ThrowAsync<CheckpointUnavailableException>(() => client.SaveAsync(new Checkpoint { ExecutionId = "ninth" }))).Message
            .ShouldContain("buffer is full");
        foreach (var save in saves)
        {
            await Should.ThrowAsync<CheckpointUnavailableException>(() => save);
        }
    });

    [Fact]
    public Task Persisted_DeletionsThatFailed_GiveTheirRoomBack() => BrokerIsAwayAsync(3311, async client =>
    {
        var deletions = Enumerable.Range(0, 8).Select(i => client.ClearAsync($"persisted-{i}", Durability.Persisted)).ToList();
        foreach (var deletion in deletions)
        {
            await Should.ThrowAsync<CheckpointUnavailableException>(() => deletion);
        }
    });

    /// <summary>The same for callers that leave before Redis has answered.</summary>
    [Fact]
    public Task Persisted_SavesThatAreCancelledWhileRedisHangs_GiveTheirRoomBack() => FaultLab.RunAsync(servers.Set, 3310, async lab =>
    {
        var host = await StartClientAsync(lab);
        var client = FaultLab.ClientOf(host);
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await client.FlushAsync();
        await lab.RabbitMq.CutAsync();
        lab.Redis.Freeze();
        using var cancellation = new CancellationTokenSource();
        var saves = Enumerable.Range(0, 8).Select(i => client.SaveAsync(
            new Checkpoint { ExecutionId = "persisted", Id = $"{i}" }, Persisted, cancellation.Token)).ToList();
        await cancellation.CancelAsync();
        foreach (var save in saves)
        {
            await Should.ThrowAsync<OperationCanceledException>(() => save);
        }

        lab.Redis.Thaw();
        await RoomIsBackAsync(client);
        lab.RabbitMq.Restore();
    });

    /// <summary>Somebody who insists does not keep the client from seeing that the broker is away.</summary>
    [Fact]
    public Task Cut_BrokerWhileOneSavesPersisted_BreakerStaysOpen() => FaultLab.RunAsync(servers.Set, 3312, async lab =>
    {
        await lab.StartWorkerAsync();
        var log = new LogRecorder();
        var client = FaultLab.ClientOf(await lab.StartClientAsync(
            options => options.BrokerTimeout = TimeSpan.FromMilliseconds(500), addServices: services => services.AddLogging(logging => logging.AddProvider(log))));
        await FaultLab.ReadyAsync(client);
        await lab.RabbitMq.CutAsync();
        log.Lines.Clear();
        for (var i = 0; i < 3; i++)
        {
            await Should.ThrowAsync<CheckpointUnavailableException>(() => client.SaveAsync(new Checkpoint { ExecutionId = "persisted", Id = $"{i}" }, Persisted));
        }

        log.Lines.ShouldContain(line => line.Contains("Calls to the broker were suspended"));
        log.Lines.ShouldNotContain(line => line.Contains("The broker answers again"));
        lab.RabbitMq.Restore();
    });

    [Fact]
    public Task Dispose_WhileTheBrokerIsAway_Ends() => FaultLab.RunAsync(servers.Set, 3313, async lab =>
    {
        var host = await lab.StartClientAsync(options => options.BrokerTimeout = TimeSpan.FromSeconds(30));
        var client = FaultLab.ClientOf(host);
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        var first = client.SaveAsync(new Checkpoint { ExecutionId = "hanging" }, new SaveOptions { Durability = Durability.Queued });
        var second = client.SaveAsync(new Checkpoint { ExecutionId = "waiting" }, new SaveOptions { Durability = Durability.Queued });
        (await first).Reached.ShouldBe(Durability.Cached);
        (await second).Reached.ShouldBe(Durability.Cached);

        // Without a stop before: as when starting another part of the application fails.
        await ((IAsyncDisposable)host).DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    });

    [Fact]
    public Task Stop_LessTimeThanTheDrainMayTake_EndsInThatTime() => FaultLab.RunAsync(servers.Set, 3314, async lab =>
    {
        var host = await lab.StartClientAsync(options => options.DrainTimeout = TimeSpan.FromMinutes(10));
        var client = FaultLab.ClientOf(host);
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        await lab.Redis.CutAsync();
        client.TrySave(new Checkpoint { ExecutionId = "buffered" }).ShouldBeTrue();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await host.StopAsync(patience.Token).WaitAsync(TimeSpan.FromSeconds(60));
    });

    /// <summary>Nothing has it and nothing can take it: that is said in time, whatever the level.</summary>
    [Theory]
    [InlineData(Durability.Cached)]
    [InlineData(Durability.Queued)]
    [InlineData(Durability.Persisted)]
    public Task Cut_RedisAndBroker_SavesFailWithinTheirTimeout(Durability durability) => FaultLab.RunAsync(servers.Set, 3315, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        await lab.Redis.CutAsync();
        await ShouldFailInTimeAsync(client, new SaveOptions { Durability = durability });
        lab.Redis.Restore();
        lab.RabbitMq.Restore();
    });

    [Fact]
    public Task Cut_Broker_StrictSavesFailWithinTheirTimeout() => FaultLab.RunAsync(servers.Set, 3316, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        await ShouldFailInTimeAsync(client, new SaveOptions { Durability = Durability.Queued, Strict = true });
        lab.RabbitMq.Restore();
    });

    /// <summary>Whenever its caller leaves: a save is there as a whole or not at all, in Redis as in the archive.</summary>
    [Fact]
    public Task Cancel_AtRandomMoments_AppliesNoSaveByHalf() => FaultLab.RunAsync(servers.Set, 3317, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await lab.SaveAsync(client, "before", 0);
        lab.Redis.Delay = TimeSpan.FromMilliseconds(5);
        for (var i = 0; i < 300; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(lab.Random.Next(0, 25)));
            try
            {
                await lab.SaveAsync(client, "cancel", i, new SaveOptions { Durability = Durability.Queued }, cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // Nothing was promised.
            }
        }

        lab.Redis.Delay = TimeSpan.Zero;
        await lab.AuditAsync(host);
    });

    /// <summary>Waiting for room and waiting for Redis and broker share one timeout (4 s).</summary>
    [Fact]
    public Task Cut_RedisAndBroker_WaitingForRoomIsPartOfTheTimeout() => FaultLab.RunAsync(servers.Set, 3309, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync(options => options.MaxBufferedItems = 1));
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await Task.WhenAll(lab.Redis.CutAsync(), lab.RabbitMq.CutAsync());
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var first = client.SaveAsync(new Checkpoint { ExecutionId = "lost" });
        var second = client.SaveAsync(new Checkpoint { ExecutionId = "waits for room" });
        var deletion = client.DeleteAsync(new CheckpointKey("waits for room", "", "too"));

        await Should.ThrowAsync<CheckpointUnavailableException>(() => first);
        await Should.ThrowAsync<CheckpointUnavailableException>(() => second);
        await Should.ThrowAsync<CheckpointUnavailableException>(() => deletion);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(7.5));
        lab.Redis.Restore();
        lab.RabbitMq.Restore();
    });

    /// <summary>There is room for it, but who never waits would leave nothing to who does.</summary>
    [Fact]
    public Task TrySave_AnotherWaitsForRoom_IsRefused() => FaultLab.RunAsync(servers.Set, 3318, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync(options => options.MaxBufferedBytes = 1024 * 1024));
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await client.FlushAsync();
        await Task.WhenAll(lab.Redis.CutAsync(), lab.RabbitMq.CutAsync());
        client.TrySave(Of(600)).ShouldBeTrue();
        client.TrySave(Of(1)).ShouldBeTrue("nobody waits");

        var save = client.SaveAsync(Of(600));
        client.TrySave(Of(1)).ShouldBeFalse();
        await Should.ThrowAsync<CheckpointUnavailableException>(() => save);
        client.TrySave(Of(1)).ShouldBeTrue("it has given up");

        lab.Redis.Restore();
        lab.RabbitMq.Restore();

        static Checkpoint Of(int kilobytes) => new() { ExecutionId = "waits", State = new byte[kilobytes * 1024] };
    });

    // SaveTimeout is 4 s; the rest is for a machine that is busy.
    private static async Task ShouldFailInTimeAsync(ICheckpointClient client, SaveOptions options)
    {
        var save = client.SaveAsync(new Checkpoint { ExecutionId = "lost" }, options);
        await Should.ThrowAsync<CheckpointUnavailableException>(() => save.WaitAsync(TimeSpan.FromSeconds(12)));
    }

    private static Task<IHost> StartClientAsync(FaultLab lab) => lab.StartClientAsync(options =>
    {
        options.MaxBufferedItems = 8;
        options.WhenBufferFull = BufferFullMode.Fail;
    });

    private Task BrokerIsAwayAsync(int seed, Func<ICheckpointClient, Task> test) => FaultLab.RunAsync(servers.Set, seed, async lab =>
    {
        var client = FaultLab.ClientOf(await StartClientAsync(lab));
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        lab.Timeline.Note("broker cut");
        await test(client);
        await RoomIsBackAsync(client);
        lab.RabbitMq.Restore();
    });

    private static async Task RoomIsBackAsync(ICheckpointClient client)
    {
        await FaultLab.UntilAsync(() => Task.FromResult(client.TrySave(new Checkpoint { ExecutionId = "later" })), "the buffer has room again");
        await client.FlushAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static async Task<Checkpoint?> FindAsync(FaultLab lab, string executionId) => (await lab.Archive.FindAsync(
        new CheckpointQuery { ExecutionId = executionId, Limit = 1 }, null, null, long.MaxValue, CancellationToken.None)).Items.SingleOrDefault();
}
