using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Http;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class RedisFaultTests(FaultServers servers)
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    [Theory]
    [InlineData("always", false)]
    [InlineData("everysec", false)]
    [InlineData("always", true)]
    public Task Kill_RedisUnderLoad_SavesGoOnAndItIsRepaired(string appendFsync, bool isEmptied) => FaultLab.RunAsync(servers.Set, 3201, async lab =>
    {
        await AdministerAsync(redis => redis.ConfigSetAsync("appendfsync", appendFsync)); // Until it is started again.
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis killed");
            if (isEmptied || appendFsync == "everysec")
            {
                // What only Redis held is not promised.
                lab.AtRisk.Add("w");
            }

            if (isEmptied)
            {
                await servers.Set.WipeAsync(ServerKind.Redis);
            }

            await lab.ProgressAsync();
            await servers.Set.StartAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis back");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
        await SavesAreCachedAsync(FaultLab.ClientOf(client));
    });

    /// <summary>
    /// What Redis has written to its file outlives its process, synced or not. What only it had in memory, while a sync was
    /// under way, may be gone: the newest of it, without a hole.
    /// </summary>
    [Fact]
    public Task Kill_RedisEverysecUnderLoad_KeepsWhatItHasWritten() => FaultLab.RunAsync(servers.Set, 3214, async lab =>
    {
        await AdministerAsync(redis => redis.ConfigSetAsync("appendfsync", "everysec")); // Until it is started again.
        await lab.RabbitMq.CutAsync(); // Nothing has them but Redis.
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(i => WriteAsync($"cached-{i}")).ToList();
        await lab.ProgressAsync(1000);
        var written = new HashSet<(string, int)>();
        await AdministerAsync(async redis =>
        {
            await FaultLab.UntilAsync(
                async () =>
                {
                    written = [.. lab.Ledger.Snapshot().Where(operation => operation.Reached is not null).Select(IdOf)];
                    return (await redis.InfoRawAsync("persistence"))!.Contains("aof_buffer_length:0\r", StringComparison.Ordinal);
                },
                "Redis has written what it acknowledged");
            await servers.Set.KillAsync(ServerKind.Redis);
        });
        var unwritten = lab.Ledger.Snapshot().Where(operation => !written.Contains(IdOf(operation))).ToList();
        unwritten.ForEach(operation => operation.IsUnwritten = true);
        lab.Timeline.Note($"Redis killed; {written.Count} saves were written");
        await servers.Set.StartAsync(ServerKind.Redis);
        lab.Timeline.Note("Redis back");
        await lab.ProgressAsync();
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        written.Count.ShouldBeGreaterThanOrEqualTo(1000);

        await lab.StartWorkerAsync();
        await FaultLab.UntilRescuedAsync(host);
        lab.RabbitMq.Restore();
        await FaultLab.ReadyAsync(client);
        await lab.AuditAsync(host);
        foreach (var stream in unwritten.Where(operation => operation.Reached is not null).GroupBy(operation => operation.Key.ExecutionId))
        {
            var archived = (await Auditor.ReadAsync(lab.Archive, stream.Key)).Select(row => row.Key).ToHashSet();
            var isKept = stream.OrderBy(operation => operation.Number).Select(operation => archived.Contains(operation.Key)).ToList();
            isKept.ShouldBe([.. isKept.OrderDescending()], stream.Key);
        }

        static (string Owner, int Number) IdOf(Operation operation) => (operation.Owner, operation.Number);

        async Task WriteAsync(string execution)
        {
            for (var number = 0; !stop.IsCancellationRequested; number++)
            {
                try
                {
                    await lab.SaveAsync(client, execution, number, new SaveOptions { Durability = Durability.Cached }, CancellationToken.None);
                }
                catch (CheckpointUnavailableException)
                {
                    // Not acknowledged.
                }

                await Task.Delay(2, CancellationToken.None);
            }
        }
    });

    /// <summary>
    /// As after a crash between two syncs of its file, a failover to a replica that was behind, or a power cut of all machines:
    /// what is archived already, and its mark, are gone, and what was deleted is there again. Twice in a row.
    /// </summary>
    /// <param name="isLongAgo">Redis is from two hours ago, what it lacks an hour old.</param>
    /// <param name="isWorkerKilled">It is another worker that meets it.</param>
    /// <param name="isWorkerFirst">That one starts while Redis is still away.</param>
    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    [InlineData(false, true, true)]
    public Task RollBack_Redis_ItIsBroughtUpToTheArchive(bool isLongAgo, bool isWorkerKilled, bool isWorkerFirst) => FaultLab.RunAsync(servers.Set, 3212, async lab =>
    {
        lab["Worker__RescueAfter"] = "1.00:00:00"; // It has nothing to do with this.
        var isAway = false;
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var cache = FaultLab.CacheOf(host);
        await FaultLab.ReadyAsync(client);
        for (var i = 1; i <= 4; i++)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = $"{i}" }, Persisted);
        }

        await client.SaveAsync(new Checkpoint { ExecutionId = "cleared", Id = "1" }, Persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "alone", Id = "1" }, Persisted);
        await FaultLab.UntilAsync(async () => await PendingAsync() is 0L, "nothing is pending");
        await FaultLab.UntilAsync(async () => (await cache.GetWatermarksAsync(0, CancellationToken.None)).Count > 0, "there is a watermark");
        var (data, copy) = (Path.Combine(servers.Set.Folder, "redis"), Directory.CreateTempSubdirectory("asynccheckpoints-").FullName);
        worker.Stop();
        if (isLongAgo)
        {
            await AgeWatermarksAsync(lab);
        }

        await servers.Set.PauseAsync(ServerKind.Redis);
        Copy(data, copy);
        await servers.Set.ResumeAsync(ServerKind.Redis);
        worker.Continue();
        await RedisAnswersAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "1", State = "new"u8.ToArray() }, Persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "between" }, Persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "5" }, Persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "begun", Id = "1" }, Persisted);
        await lab.Redis.CutAsync();
        (await client.SaveAsync(new Checkpoint { ExecutionId = "alone", Id = "repaired" }, Persisted)).Cached.ShouldBeFalse();
        lab.Redis.Restore();
        await FaultLab.UntilAsync(async () => await StatusAsync("repaired", "alone") is CacheReadStatus.Found, "the worker has brought it to Redis");
        await client.DeleteAsync(new CheckpointKey("e", "", "3"), Persisted.Durability);
        await client.DeleteAsync(new CheckpointKey("e", "", "never-saved"), Persisted.Durability);
        await client.ClearAsync("cleared", Persisted.Durability);
        await FaultLab.UntilAsync(async () => await PendingAsync() is 0L, "nothing is pending");
        if (isLongAgo)
        {
            await AgeChangesAsync(lab);
        }

        for (var round = 1; round <= 2; round++)
        {
            if (isWorkerKilled)
            {
                await lab.KillAsync(worker);
            }

            await servers.Set.KillAsync(ServerKind.Redis);
            await servers.Set.WipeAsync(ServerKind.Redis);
            Copy(copy, data);
            if (isWorkerFirst)
            {
                worker = await lab.StartWorkerAsync(wait: false);
                await worker.WaitForLineAsync(line => line.StartsWith("Listening on ", StringComparison.Ordinal), FaultLab.Patience);
            }

            await servers.Set.StartAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis is back as it was");
            if (isWorkerKilled && !isWorkerFirst)
            {
                // It has a later sequence than the clear that Redis has lost.
                await RedisAnswersAsync();
                await client.DeleteAsync(new CheckpointKey("cleared", "", "other"));
                worker = await lab.StartWorkerAsync();
            }

            // First: the client does not trust Redis here, and its reads would bring it.
            await FaultLab.UntilAsync(async () => await StatusAsync("repaired", "alone") is CacheReadStatus.Found, "what had been brought to Redis is there again");
            await FaultLab.UntilAsync(async () => await LatestAsync() is "5", "the latest is there again");
            await FaultLab.UntilAsync(async () => await StateAsync("1") is "new", "the new version is there again");
            await FaultLab.UntilAsync(async () => await StatusAsync("between") is CacheReadStatus.Found, "there is no hole");
            await FaultLab.UntilAsync(async () => await StatusAsync("5") is CacheReadStatus.Found, "there is no other one");
            await FaultLab.UntilAsync(async () => await StatusAsync("3") is CacheReadStatus.Deleted, "what was deleted is deleted again");
            await FaultLab.UntilAsync(async () => await StatusAsync("never-saved") is CacheReadStatus.Deleted, "also where there was nothing to delete");
            await FaultLab.UntilAsync(async () => await ClearedAsync() is 0, "what was cleared is cleared again");
            await FaultLab.UntilAsync(async () => await PendingAsync() is 0L, "nothing is pending");
            (await cache.LoadLatestAsync("begun", "", CancellationToken.None)).Status.ShouldBe(CacheReadStatus.Unknown); // Reads go to the archive.
            (await client.ListAsync(new CheckpointQuery { ExecutionId = "e" })).Items.Select(checkpoint => checkpoint.Id).ShouldBe(["5", "between", "1", "4", "2"]);
        }

        Directory.Delete(copy, true);

        Task RedisAnswersAsync() => FaultLab.UntilAsync(
            async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "other" })).Cached, "Redis answers");

        Task<string?> LatestAsync() => OrNullAsync(async () => (await client.LoadLatestAsync("e"))?.Id);

        Task<string?> StateAsync(string id) => OrNullAsync(
            async () => await client.LoadAsync(new CheckpointKey("e", "", id)) is { } found ? Encoding.UTF8.GetString(found.State.Span) : null);

        Task<object?> StatusAsync(string id, string execution = "e") => OrNullAsync<object>(
            async () => (await cache.LoadAsync(new CheckpointKey(execution, "", id), CancellationToken.None)).Status);

        Task<object?> ClearedAsync() => OrNullAsync<object>(async () => (await client.ListAsync(new CheckpointQuery { ExecutionId = "cleared" })).Items.Count);

        Task<object?> PendingAsync() => OrNullAsync<object>(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count);

        async Task<T?> OrNullAsync<T>(Func<Task<T?>> read)
            where T : class
        {
            try
            {
                var answer = await read();
                if (isAway)
                {
                    lab.Timeline.Note($"the client reads again: {answer}");
                }

                isAway = false;
                return answer;
            }
            catch (CheckpointUnavailableException e)
            {
                if (!isAway)
                {
                    lab.Timeline.Note($"the client does not read: {e.Message}");
                }

                isAway = true;
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
        await FaultLab.ReadyAsync(client);
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a", CreatedAt = DateTimeOffset.UnixEpoch }, Persisted);
        await lab.KillAsync(worker);
        (isClear ? await client.ClearAsync("run") : await client.DeleteAsync(saved.Key)).ShouldBe(Durability.Queued);
        await FlushAsync();
        var warm = CheckpointCodec.Encode(new Checkpoint { ExecutionId = "run", Id = "a", CreatedAt = DateTimeOffset.UnixEpoch });
        await FaultLab.CacheOf(host).PutAsync(warm, saved.Sequence, default, pending: false, CancellationToken.None);

        await lab.StartWorkerAsync();
        await lab.SettleAsync(host);
        await FaultLab.UntilAsync(async () => await client.LoadLatestAsync("run") is null, "it is deleted in Redis too");
        (await client.LoadAsync(saved.Key)).ShouldBeNull();
    });

    [Fact]
    public Task Empty_OldMessageComesAgain_TheLatestStays() => FaultLab.RunAsync(servers.Set, 3205, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await FaultLab.ReadyAsync(client);
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
    public Task Start_ForeignValueInPlaceOfAWatermark_OtherShardsHaveTheirs() => FaultLab.RunAsync(servers.Set, 3213, async lab =>
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis);
        await redis.GetDatabase().StringSetAsync(LayoutOf(lab).WatermarksKey(0), "foreign");
        var worker = await lab.StartWorkerAsync();
        await worker.WaitForLineAsync(line => line.Contains("[2013]", StringComparison.Ordinal), FaultLab.Patience);
        var cache = FaultLab.CacheOf(await lab.StartClientAsync());
        await FaultLab.UntilAsync(async () => (await cache.GetWatermarksAsync(1, CancellationToken.None)).Count == 1, "there is a watermark");
        worker.Lines.Count(line => line.Contains("[2013]", StringComparison.Ordinal)).ShouldBe(1);
    });

    [Fact]
    public Task Save_DeletedWhileRedisWasAway_IsNotTakenForUnchanged() => FaultLab.RunAsync(servers.Set, 3207, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await FaultLab.ReadyAsync(client);
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

    /// <summary>What Redis has is what was there before the other content, of which it has not heard.</summary>
    [Fact]
    public Task Save_OtherContentWhileRedisWasAway_IsNotTakenForUnchanged() => FaultLab.RunAsync(servers.Set, 3219, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await FaultLab.ReadyAsync(client);
        var running = new Checkpoint { ExecutionId = "run", Id = "status", State = "running"u8.ToArray(), CreatedAt = DateTimeOffset.UnixEpoch };
        var fenced = running with { ExecutionId = "fenced" };
        await client.SaveAsync(running, Persisted);
        await client.SaveAsync(fenced, Persisted);

        await lab.KillAsync(worker);
        await lab.Redis.CutAsync();
        (await client.SaveAsync(running with { State = "paused"u8.ToArray() })).Cached.ShouldBeFalse();
        (await client.SaveAsync(fenced with { State = "paused"u8.ToArray() })).Cached.ShouldBeFalse();
        lab.Redis.Restore();
        await SavesAreCachedAsync(client);
        var again = await client.SaveAsync(running);
        (again.Cached, again.Unchanged).ShouldBe((true, false));
        (await Should.ThrowAsync<CheckpointUnavailableException>(() => client.SaveAsync(fenced, new SaveOptions { ExpectedLatestId = "status" })))
            .Message.ShouldContain("saved while Redis was away");
        (await client.LoadLatestAsync("run"))!.State.ToArray().ShouldBe(running.State.ToArray());

        await lab.StartWorkerAsync();
        await lab.SettleAsync(host);
        (await client.LoadAsync(running.Key))!.Sequence.ShouldBe(again.Sequence);
        await FaultLab.UntilAsync(
            async () => (await client.LoadAsync(fenced.Key))!.State.Span.SequenceEqual("paused"u8), "Redis is repaired");
        (await client.SaveAsync(fenced, new SaveOptions { ExpectedLatestId = "status" })).Unchanged.ShouldBeFalse();
        await lab.SettleAsync(host);
        await FlushAsync();
        foreach (var key in new[] { running.Key, fenced.Key })
        {
            (await client.LoadAsync(key))!.State.ToArray().ShouldBe(running.State.ToArray(), "archived");
        }
    });

    /// <summary>Another save of the stream reached Redis since, which says nothing of this one.</summary>
    [Fact]
    public Task Load_SavedWhileRedisWasAwayAndAnotherSince_AsksTheArchive() => FaultLab.RunAsync(servers.Set, 3220, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        await FaultLab.ReadyAsync(client);
        var old = new Checkpoint { ExecutionId = "run", Id = "a", State = "old"u8.ToArray() };
        var other = new Checkpoint { ExecutionId = "run", Id = "b" };
        await client.SaveAsync(old, Persisted);
        await client.SaveAsync(other, Persisted);
        await lab.Redis.CutAsync();
        (await client.SaveAsync(old with { State = "new"u8.ToArray() }, Persisted)).Cached.ShouldBeFalse();
        await lab.KillAsync(worker);
        lab.Redis.Restore();
        await SavesAreCachedAsync(client);
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "c" }, new SaveOptions { Durability = Durability.Cached });
        (await client.LoadLatestAsync("run"))!.Id.ShouldBe("c");

        // Nobody answers for the archive: what Redis has of another is enough, of this one it is not.
        (await client.LoadAsync(other.Key)).ShouldNotBeNull();
        await Should.ThrowAsync<CheckpointUnavailableException>(() => client.LoadAsync(old.Key));
        await lab.StartWorkerAsync();
        await FaultLab.UntilAsync(async () => (await OnceRedisAnswersAsync(() => client.LoadAsync(old.Key)))!.State.Span.SequenceEqual("new"u8), "it is there");
    });

    /// <summary>What it refuses goes on without it; what it has can be read.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Save_RedisRefusesWrites_ReadsGoOn(bool isSliding) => FaultLab.RunAsync(servers.Set, 3221, async lab =>
    {
        var log = new LogRecorder();
        var host = await lab.StartClientAsync(
            options => (options.CacheTtl, options.SlidingCacheTtl) = (isSliding ? TimeSpan.FromHours(1) : null, isSliding),
            addServices: services => services.AddLogging(logging => logging.AddProvider(log)));
        var client = FaultLab.ClientOf(host);
        await lab.StartWorkerAsync();
        await FaultLab.ReadyAsync(client);
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a" }, Persisted);
        await lab.SettleAsync(host);
        await AdministerAsync(redis => redis.ConfigSetAsync("min-replicas-to-write", "1"));
        try
        {
            for (var i = 0; i < 5; i++)
            {
                (await client.SaveAsync(new Checkpoint { ExecutionId = "refused", Id = $"{i}" })).Cached.ShouldBeFalse();
                (await client.LoadAsync(saved.Key)).ShouldNotBeNull();
                (await client.LoadLatestAsync("run"))!.Id.ShouldBe("a");
            }
        }
        finally
        {
            await AdministerAsync(redis => redis.ConfigSetAsync("min-replicas-to-write", "0"));
        }

        await SavesAreCachedAsync(client);
        log.Lines.Count(line => line.Contains("Redis refuses calls", StringComparison.Ordinal)).ShouldBe(1);
        log.Lines.ShouldNotContain(line => line.Contains("Calls to the cache were suspended", StringComparison.Ordinal));
    });

    /// <summary>The deletion is on its way to the archive; until Redis hears of it from there, another process reads what was deleted.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Load_DeletedWhileRedisWasAway_IsGoneForWhoDeletedIt(bool isClear) => FaultLab.RunAsync(servers.Set, 3215, async lab =>
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        var other = FaultLab.ClientOf(await lab.StartClientAsync());
        await FaultLab.ReadyAsync(client);
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a" }, Persisted);
        var deleted = (await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "b" }, Persisted)).Key;
        await using (await HeldCommits.StartAsync(servers.Set.Postgres, lab.Prefix))
        {
            await lab.Redis.CutAsync();
            (isClear ? await client.ClearAsync("run") : await client.DeleteAsync(deleted)).ShouldBe(Durability.Queued);
            lab.Redis.Restore();
            (await OnceRedisAnswersAsync(() => other.LoadLatestAsync("run")))!.Id.ShouldBe("b");
            await ShouldBeGoneAsync();
            (await other.LoadLatestAsync("run"))!.Id.ShouldBe("b");

            (await client.SaveAsync(new Checkpoint { ExecutionId = "run", Namespace = "sub", Id = "c" })).Cached.ShouldBeTrue();
            (await client.ListExecutionsAsync("run")).Items.ShouldBe(["run"]);
            await client.DeleteAsync(new CheckpointKey("run", "sub", "c"), Durability.Cached);
        }

        await lab.SettleAsync(host);
        await ShouldBeGoneAsync();
        await FaultLab.UntilAsync(async () => await other.LoadAsync(deleted) is null, "Redis is repaired");

        async Task ShouldBeGoneAsync()
        {
            (await OnceRedisAnswersAsync(() => client.LoadLatestAsync("run")))?.Id.ShouldBe(isClear ? null : "a");
            (await client.LoadLatestAsync("run") is null).ShouldBe(isClear);
            (await client.LoadAsync(deleted)).ShouldBeNull();
            (await client.ExistsAsync(deleted)).ShouldBeFalse();
            var page = await client.ListAsync(new CheckpointQuery { ExecutionId = "run", Namespace = null });
            page.Items.Select(checkpoint => checkpoint.Id).ShouldBe(isClear ? [] : ["a"]);
            (await client.ListExecutionsAsync("run")).Items.ShouldBe(isClear ? [] : ["run"]);
        }
    });

    /// <summary>Who comes later with another layout is still refused.</summary>
    [Fact]
    public Task Empty_LayoutIsForgotten_IsRecordedAgain() => FaultLab.RunAsync(servers.Set, 3216, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Cached });
        await FlushAsync();
        await lab.Redis.CutAsync();
        lab.Redis.Restore();
        await SavesAreCachedAsync(client);

        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis);
        await FaultLab.UntilAsync(() => redis.GetDatabase().KeyExistsAsync(LayoutOf(lab).ConfigKey), "the layout is recorded");
        (await Should.ThrowAsync<CheckpointException>(() => lab.StartClientAsync(options => options.ShardCount = 8))).Message.ShouldContain("in 16 shards");
    });

    [Fact]
    public Task Empty_LaidOutByAnotherSince_RefusesItsCalls() => FaultLab.RunAsync(servers.Set, 3217, async lab =>
    {
        var client = FaultLab.ClientOf(await lab.StartClientAsync());
        await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Cached });
        await FlushAsync();
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis);
        await redis.GetDatabase().StringSetAsync(LayoutOf(lab).ConfigKey, "1 8");
        await lab.Redis.CutAsync();
        lab.Redis.Restore();
        var refusal = "";
        await FaultLab.UntilAsync(
            async () =>
            {
                try
                {
                    await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Cached });
                    return false;
                }
                catch (CheckpointUnavailableException)
                {
                    return false;
                }
                catch (CheckpointException e)
                {
                    e.IsTransient.ShouldBeFalse();
                    refusal = e.Message;
                    return true;
                }
            },
            "the other layout is noticed");
        refusal.ShouldContain("in 8 shards; this program is set to 16");
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

    /// <summary>All that the archive has becomes an hour old; what was brought to Redis later is older, but not its delivery.</summary>
    private async Task AgeChangesAsync(FaultLab lab)
    {
        await using var connection = new NpgsqlConnection(servers.Set.Postgres);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            UPDATE {lab.Prefix}.outbox SET
                created_at = now() - CASE WHEN changes::text LIKE '%"repaired"%' THEN interval '3 hours' ELSE interval '1 hour' END,
                delivered_at = delivered_at - interval '1 hour';
            UPDATE {lab.Prefix}.tombstones SET created_at = now() - interval '1 hour'
            """;
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
    }

    private async Task AgeWatermarksAsync(FaultLab lab)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis);
        var (db, layout) = (redis.GetDatabase(), LayoutOf(lab));
        for (var shard = 0; shard < layout.ShardCount; shard++)
        {
            var watermark = (await db.HashGetAllAsync(layout.WatermarksKey(shard))).ShouldHaveSingleItem();
            await db.HashSetAsync(layout.WatermarksKey(shard), watermark.Name, (long)watermark.Value - (2L * 3600 * 1_000_000));
        }
    }

    private static RedisLayout LayoutOf(FaultLab lab) => new(lab.Prefix, 16);

    private Task FlushAsync() => AdministerAsync(redis => redis.FlushAllDatabasesAsync());

    private async Task AdministerAsync(Func<IServer, Task> command)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis + ",allowAdmin=true");
        await command(redis.GetServer(servers.Set.Redis));
    }

    private static Task SavesAreCachedAsync(ICheckpointClient client) => FaultLab.UntilAsync(
        async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "after" })) is { Cached: true, Reached: Durability.Queued },
        "saves are cached again");

    private static async Task<T> OnceRedisAnswersAsync<T>(Func<Task<T>> read)
    {
        var answer = default(T);
        await FaultLab.UntilAsync(
            async () =>
            {
                try
                {
                    answer = await read();
                    return true;
                }
                catch (CheckpointUnavailableException)
                {
                    return false;
                }
            },
            "Redis answers");
        return answer!;
    }
}
