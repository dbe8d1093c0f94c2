using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class BrokerFaultTests(FaultServers servers)
{
    [Fact]
    public Task Kill_BrokerUnderLoad_LosesNothingAndHeals() => FaultLab.RunAsync(servers.Set, 3301, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(host), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.RabbitMq);
            lab.Timeline.Note("broker killed");
            await servers.Set.StartAsync(ServerKind.RabbitMq);
            lab.Timeline.Note("broker back");
            await lab.ProgressAsync();
        });
        await SavesAreQueuedAsync(FaultLab.ClientOf(host));
        await lab.AuditAsync(host);
    });

    [Fact]
    public Task Cut_BrokerWithoutSpool_SavesReturnCachedAreRescuedAndReachTheQueueAgain() => FaultLab.RunAsync(servers.Set, 3302, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync(options => (options.CacheTimeout, options.SaveTimeout) = (TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60)));
        var client = FaultLab.ClientOf(host);
        await client.SaveAsync(new Checkpoint { ExecutionId = "before" });
        await lab.RabbitMq.CutAsync();
        lab.Timeline.Note("broker cut");
        for (var i = 0; i < 100; i++)
        {
            (await lab.SaveAsync(client, "cut", i)).Reached.ShouldBe(Durability.Cached);
        }

        await FaultLab.UntilRescuedAsync(host);
        lab.RabbitMq.Restore();
        lab.Timeline.Note("broker can be reached");
        await SavesAreQueuedAsync(client);
        await lab.AuditAsync(host);
    });

    /// <summary>
    /// With all that is on its queues, which the archive, being away, does not have yet. What Redis has is rescued; where it is
    /// lost too, only what was archived is left. Nobody is restarted: queues and exchanges are made again.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Wipe_BrokerWithSavesOnTheQueue_WhatRedisHasIsArchived(bool isRedisLost) => FaultLab.RunAsync(servers.Set, 3307, async lab =>
    {
        var lost = ServerKind.RabbitMq;
        if (isRedisLost)
        {
            lost |= ServerKind.Redis;
            lab.AtRisk.UnionWith(["w", "queued"]);
            lab.SafeLevel = Durability.Persisted;
        }

        var worker = await lab.StartWorkerAsync();

        // What is not in Redis is lost with the broker: better no save at all than one without Redis.
        var host = await lab.StartClientAsync(options => options.CacheTimeout = isRedisLost ? options.CacheTimeout : TimeSpan.FromSeconds(30));
        var client = FaultLab.ClientOf(host);
        await lab.UnderLoadAsync(client, async () =>
        {
            await lab.ProgressAsync();
            await lab.Postgres.CutAsync();
            await worker.WaitForLineAsync(line => line.Contains("Stopped consuming", StringComparison.Ordinal), FaultLab.Patience);
            lab.Timeline.Note("the archive is away");
            for (var (number, queued) = (0, 0); queued < 200; number++)
            {
                queued += (await lab.SaveAsync(client, "queued", number)).Reached == Durability.Queued ? 1 : 0;
            }

            (await lab.CountMessagesAsync()).ShouldBeGreaterThan(0u);
            await lab.UntilListeningAsync();
            await servers.Set.KillAsync(lost);
            await servers.Set.WipeAsync(lost);
            lab.Timeline.Note($"{lost} killed and wiped");
            await servers.Set.StartAsync(lost);
            lab.Timeline.Note($"{lost} back, empty");
            await SavesAreQueuedAsync(client);
            await lab.UntilListeningAsync();
            lab.Postgres.Restore();
            lab.Timeline.Note("the archive is back");
            await lab.ProgressAsync();
        });
        worker.HasExited.ShouldBeFalse();
        await lab.AuditAsync(host);
    });

    /// <summary>What the worker has in hand commits when its channel is lost already.</summary>
    [Fact]
    public Task Cut_WorkerWithMessagesInHand_ItConsumesAgain() => FaultLab.RunAsync(servers.Set, 3305, async lab =>
    {
        await using var broker = TcpProxy.Start(servers.Set.RabbitMq);
        lab["ConnectionStrings__RabbitMq"] = broker.ConnectionString;
        lab["Worker__PauseAfter"] = "00:10:00";
        lab["Worker__RescueAfter"] = "1.00:00:00"; // By the queue, or not at all.
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync(FaultLab.GiveTime);
        var client = FaultLab.ClientOf(host);
        var persisted = new SaveOptions { Durability = Durability.Persisted };
        await client.SaveAsync(new Checkpoint { ExecutionId = "hand" }, persisted);

        lab.Postgres.Freeze();
        for (var i = 0; i < 20; i++)
        {
            (await client.SaveAsync(new Checkpoint { ExecutionId = "hand" })).Reached.ShouldBe(Durability.Queued);
        }

        await FaultLab.UntilAsync(async () => await lab.CountMessagesAsync() == 0, "the worker has all of them in hand");
        await broker.CutAsync();
        lab.Timeline.Note("broker cut");
        lab.Postgres.Thaw();
        await FaultLab.UntilAsync(async () => await CountAsync() > 1, "what was being committed is archived");
        broker.Restore();
        lab.Timeline.Note("broker can be reached");
        await client.SaveAsync(new Checkpoint { ExecutionId = "hand" });
        await FaultLab.UntilAsync(async () => await CountAsync() == 22, "the worker consumes again");
        await lab.SettleAsync(host);

        async Task<int> CountAsync() => (await lab.Archive.FindAsync(
            new CheckpointQuery { ExecutionId = "hand", Limit = 100 }, null, null, long.MaxValue, CancellationToken.None)).Items.Count;
    });

    /// <summary>A client that has never got an answer is blocked by the library in another place than one that has.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Cut_Broker_ReadsOfTheArchiveEndInTime(bool hasHadAnAnswer) => FaultLab.RunAsync(servers.Set, 3304, async lab =>
    {
        if (!hasHadAnAnswer)
        {
            await lab.RabbitMq.CutAsync();
        }

        await lab.StartWorkerAsync();
        var client = FaultLab.ClientOf(await lab.StartClientAsync(options => options.ReadTimeout = TimeSpan.FromSeconds(1)));
        if (hasHadAnAnswer)
        {
            await FaultLab.ReadyAsync(client);
            await lab.RabbitMq.CutAsync();
        }

        for (var i = 0; i < 3; i++)
        {
            var read = client.LoadLatestAsync("unknown");
            await Should.ThrowAsync<CheckpointUnavailableException>(() => read.WaitAsync(TimeSpan.FromSeconds(10)));
        }

        lab.RabbitMq.Restore();
    });

    /// <summary>
    /// While the alarm is on, RabbitMQ reads nothing from connections that publish. Saves return what Redis gives them, or
    /// say in time that they could not reach their level; consuming, which clears the alarm, goes on.
    /// </summary>
    [Fact]
    public Task MemoryAlarm_UnderLoad_SavesEndInTimeAndItHeals() => FaultLab.RunAsync(servers.Set, 3303, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        try
        {
            await lab.UnderLoadAsync(FaultLab.ClientOf(host), async () =>
            {
                await lab.ProgressAsync();
                await servers.Set.RabbitMqCtlAsync("set_vm_memory_high_watermark", "absolute", "1");
                lab.Timeline.Note("memory alarm");
                await Task.Delay(TimeSpan.FromSeconds(5));
                await servers.Set.RabbitMqCtlAsync("set_vm_memory_high_watermark", "0.5");
                lab.Timeline.Note("alarm is over");
                await lab.ProgressAsync();
            });
        }
        finally
        {
            await servers.Set.RabbitMqCtlAsync("set_vm_memory_high_watermark", "0.5");
        }

        await SavesAreQueuedAsync(FaultLab.ClientOf(host));
        await lab.AuditAsync(host);
    });

    private static Task SavesAreQueuedAsync(ICheckpointClient client) => FaultLab.UntilAsync(
        async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "after" })).Reached == Durability.Queued,
        "saves reach the queue again");
}
