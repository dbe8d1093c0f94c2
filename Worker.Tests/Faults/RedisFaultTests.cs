using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class RedisFaultTests(FaultServers servers)
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Kill_RedisUnderLoad_SavesGoOnAndItIsRepaired(bool isEmptied) => FaultLab.RunAsync(servers.Set, 3201, async lab =>
    {
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        var load = await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis killed");
            if (isEmptied)
            {
                lab.AtRisk.Add("w");
                await servers.Set.WipeAsync(ServerKind.Redis);
            }

            await lab.ProgressAsync();
            await servers.Set.StartAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis back");
            await lab.ProgressAsync();
        });
        load.Slowest.ShouldBeLessThan(TimeSpan.FromSeconds(12));
        await lab.AuditAsync(client);
        await SavesAreCachedAsync(FaultLab.ClientOf(client));
    });

    /// <summary>
    /// As after a crash between two syncs of its file, or a failover to a replica that was behind: what is archived already,
    /// and its mark, are gone, and what was deleted is there again.
    /// </summary>
    [Fact]
    public Task RollBack_Redis_ItIsBroughtUpToTheArchive() => FaultLab.RunAsync(servers.Set, 3212, async lab =>
    {
        lab["Worker__SettleAfter"] = "00:00:20";
        lab["Worker__RescueAfter"] = "1.00:00:00"; // It has nothing to do with this.
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var cache = FaultLab.CacheOf(host);
        for (var i = 1; i <= 4; i++)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = $"{i}" }, Persisted);
        }

        var (data, copy) = (Path.Combine(servers.Set.Folder, "redis"), Directory.CreateTempSubdirectory("asynccheckpoints-").FullName);
        await servers.Set.PauseAsync(ServerKind.Redis);
        Copy(data, copy);
        await servers.Set.ResumeAsync(ServerKind.Redis);
        await FaultLab.UntilAsync(
            async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "other" })).Cached, "Redis answers");
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "5" }, Persisted);
        await client.DeleteAsync(new CheckpointKey("e", "", "3"), Persisted.Durability);
        await servers.Set.KillAsync(ServerKind.Redis);
        await servers.Set.WipeAsync(ServerKind.Redis);
        Copy(copy, data);
        await servers.Set.StartAsync(ServerKind.Redis);
        lab.Timeline.Note("Redis is back as it was");

        await FaultLab.UntilAsync(async () => await LatestAsync() is "5", "the latest is there again");
        await FaultLab.UntilAsync(async () => await StatusAsync("3") is CacheReadStatus.Deleted, "what was deleted is deleted again");
        await FaultLab.UntilAsync(async () => await OrNullAsync<object>(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count) is 0L, "nothing is pending");
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "e" })).Items.Select(checkpoint => checkpoint.Id).ShouldBe(["5", "4", "2", "1"]);
        Directory.Delete(copy, true);

        async Task<string?> LatestAsync() => await OrNullAsync(async () => (await client.LoadLatestAsync("e"))?.Id);

        Task<object?> StatusAsync(string id) => OrNullAsync<object>(async () => (await cache.LoadAsync(new CheckpointKey("e", "", id), CancellationToken.None)).Status);

        static async Task<T?> OrNullAsync<T>(Func<Task<T?>> read)
            where T : class
        {
            try
            {
                return await read();
            }
            catch (CheckpointUnavailableException)
            {
                return null;
            }
        }

        static void Copy(string from, string to)
        {
            foreach (var folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
            {
                Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
            }

            foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            {
                File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)), true);
            }
        }
    });

    [Fact]
    public Task Pause_RedisUnderLoad_SavesGoOn() => FaultLab.RunAsync(servers.Set, 3202, async lab =>
    {
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.PauseAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis stopped");
            await lab.ProgressAsync();
            await servers.Set.ResumeAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis continues");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    [Fact]
    public Task Start_RedisIsDown_SavesReachTheQueueAndLaterTheCache() => FaultLab.RunAsync(servers.Set, 3203, async lab =>
    {
        await lab.StartWorkerAsync();
        await lab.Redis.CutAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await lab.UnderLoadAsync(client, () => lab.ProgressAsync());
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "down" });
        saved.Reached.ShouldBe(Durability.Queued);
        saved.Cached.ShouldBeFalse();
        lab.Redis.Restore();
        lab.Timeline.Note("Redis can be reached");
        await SavesAreCachedAsync(client);
        await lab.AuditAsync(host);
    });

    /// <summary>The command of a deletion is on the queue, the archive still has the checkpoint, and a read has just warmed it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Empty_DeletionStillOnTheQueue_StaysDeleted(bool isClear) => FaultLab.RunAsync(servers.Set, 3204, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a", CreatedAt = DateTimeOffset.UnixEpoch }, Persisted);
        await lab.KillAsync(worker);
        (isClear ? await client.ClearAsync("run") : await client.DeleteAsync(saved.Key)).ShouldBe(Durability.Queued);
        await FlushAsync();
        var warm = CheckpointCodec.Encode(new Checkpoint { ExecutionId = "run", Id = "a", CreatedAt = DateTimeOffset.UnixEpoch });
        await FaultLab.CacheOf(host).PutAsync(warm, saved.Sequence, default, pending: false, CancellationToken.None);

        await lab.StartWorkerAsync();
        await lab.SettleAsync(host);
        await FaultLab.UntilAsync(async () => await client.LoadLatestAsync("run") is null, "it is deleted in Redis too", TimeSpan.FromSeconds(10));
        (await client.LoadAsync(saved.Key)).ShouldBeNull();
    });

    [Fact]
    public Task Empty_OldMessageComesAgain_TheLatestStays() => FaultLab.RunAsync(servers.Set, 3205, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var old = new Checkpoint { ExecutionId = "run", Id = "old", CreatedAt = DateTimeOffset.UnixEpoch };
        var saved = await client.SaveAsync(old, Persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "new" }, Persisted);
        await FlushAsync();
        await OrderFaultTests.RedeliverAsync(lab, (old, saved.Sequence), isCached: true);
        await client.SaveAsync(new Checkpoint { ExecutionId = "behind" }, Persisted);
        await lab.SettleAsync(host);
        (await client.LoadLatestAsync("run"))!.Id.ShouldBe("new");
    });

    /// <summary>A call of a script that Redis does not know is made again, behind those that followed it.</summary>
    [Fact]
    public Task Start_RedisKnowsNoScripts_LearnsThemBeforeTheFirstSave() => FaultLab.RunAsync(servers.Set, 3206, async lab =>
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis + ",allowAdmin=true");
        var server = redis.GetServer(servers.Set.Redis);
        await server.ScriptFlushAsync();
        var cache = FaultLab.CacheOf(await lab.StartClientAsync());
        (await cache.LoadLatestAsync("none", "", CancellationToken.None)).Status.ShouldBe(CacheReadStatus.Unknown);
        foreach (var script in new[] { RedisScripts.Save, RedisScripts.Delete, RedisScripts.Clear })
        {
            (await server.ScriptExistsAsync(script.Hash)).ShouldBeTrue();
        }
    });

    [Fact]
    public Task Save_DeletedWhileRedisWasAway_IsNotTakenForUnchanged() => FaultLab.RunAsync(servers.Set, 3207, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var checkpoints = new[] { "deleted", "cleared" }.Select(id => new Checkpoint { ExecutionId = id, Id = id, CreatedAt = DateTimeOffset.UnixEpoch }).ToList();
        foreach (var checkpoint in checkpoints)
        {
            await client.SaveAsync(checkpoint, Persisted);
        }

        await lab.KillAsync(worker);
        await lab.Redis.CutAsync();
        (await client.DeleteAsync(checkpoints[0].Key)).ShouldBe(Durability.Queued);
        (await client.ClearAsync("cleared")).ShouldBe(Durability.Queued);
        lab.Redis.Restore();
        foreach (var checkpoint in checkpoints)
        {
            SaveResult? saved = null;
            await FaultLab.UntilAsync(async () => (saved = await client.SaveAsync(checkpoint)) is { Cached: true }, "Redis takes saves again");
            saved!.Unchanged.ShouldBe(false, checkpoint.Id);
        }

        await lab.StartWorkerAsync();
        await lab.SettleAsync(host);
        foreach (var checkpoint in checkpoints)
        {
            (await client.LoadAsync(checkpoint.Key)).ShouldNotBeNull(checkpoint.Id);
        }
    });

    [Fact]
    public Task Save_Buffered_KeepsTheBytesOfTheCall() => FaultLab.RunAsync(servers.Set, 3208, async lab =>
    {
        await lab.StartWorkerAsync();
        await lab.Redis.CutAsync();
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        var state = "what was given"u8.ToArray();
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "mine", State = state }, new SaveOptions { Durability = Durability.Buffered });
        Array.Clear(state);
        lab.Redis.Restore();
        await client.FlushAsync();
        await SavesAreCachedAsync(client);
        await FaultLab.UntilAsync(async () => await client.LoadAsync(saved.Key) is { } loaded && loaded.State.Span.SequenceEqual("what was given"u8), "it is there, unchanged");
    });

    private async Task FlushAsync()
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis + ",allowAdmin=true");
        await redis.GetServer(servers.Set.Redis).FlushAllDatabasesAsync();
    }

    private static Task SavesAreCachedAsync(ICheckpointClient client) => FaultLab.UntilAsync(
        async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "after" })) is { Cached: true, Reached: Durability.Queued },
        "saves are cached again", TimeSpan.FromSeconds(30));
}
