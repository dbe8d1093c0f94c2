using System.Net;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Diagnostics;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>A PostgreSQL that can be read and refuses writes: all of them, or some.</summary>
public sealed class RefusedWritesTests
{
    private readonly DeliveryCount _deliveries = new();
    private readonly string _role = $"r{Guid.NewGuid():N}";
    private string _admin = "";
    private int _probes;

    [Theory]
    [InlineData("REVOKE INSERT ON ALL TABLES IN SCHEMA {0} FROM {1}", "GRANT INSERT ON ALL TABLES IN SCHEMA {0} TO {1}")]
    [InlineData("REVOKE INSERT ON {0}.checkpoints FROM {1}", "GRANT INSERT ON {0}.checkpoints TO {1}")]
    [InlineData(
        """
        CREATE FUNCTION {0}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'damaged' USING ERRCODE = 'XX001'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {0}.checkpoints EXECUTE FUNCTION {0}.refuse();
        CREATE TRIGGER refuse BEFORE INSERT ON {0}.dead_letters EXECUTE FUNCTION {0}.refuse();
        """,
        "DROP FUNCTION {0}.refuse CASCADE")]
    [InlineData(
        """
        ALTER ROLE {1} SET default_transaction_read_only = on;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{1}'
        """,
        """
        ALTER ROLE {1} RESET default_transaction_read_only;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{1}'
        """)]
    public async Task EveryWrite_IsAnOutageThatEndsByItself(string breaks, string mends)
    {
        await using var deployment = await CreateDeploymentAsync();
        deployment["Worker:PauseAfter"] = "00:00:00.500";
        var worker = await StartWorkerAsync(deployment);
        var gate = worker.Services.GetRequiredService<ConsumptionGate>();
        var client = await deployment.StartClientAsync();
        await SaveAsync(client, "first", Durability.Persisted);
        using var http = new HttpClient { BaseAddress = new Uri(((WebApplication)worker).Urls.First()) };

        await ExecuteAsync(string.Format(null, breaks, deployment.Prefix, _role));
        string[] ids = ["a", "b", "c", "d", "e"];
        foreach (var id in ids)
        {
            await SaveAsync(client, id, Durability.Queued);
        }

        await Deployment.UntilAsync(() => Task.FromResult(!gate.IsOpen), "consuming has stopped");
        await ProbesAsync(3); // The first may be the writer's own, made while the last delivery is on its way.
        var deliveries = _deliveries.Count;
        await RescueNothingAsync(worker);
        await ProbesAsync(3);
        gate.IsOpen.ShouldBeFalse();
        _deliveries.Count.ShouldBe(deliveries);
        (await Deployment.CacheOf(client).GetPendingStatsAsync(default)).Count.ShouldBe(ids.Length);
        var health = await http.GetAsync("/health/ready");
        health.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await health.Content.ReadAsStringAsync()).ShouldContain("takes no writes");
        OutageOf(worker).ShouldBeGreaterThan(0);

        await ExecuteAsync(string.Format(null, mends, deployment.Prefix, _role));
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "a b c d e first", "everything is archived");
        await PendingAsync(client, 0);
        await Deployment.UntilAsync(() => Task.FromResult(gate.IsOpen), "consuming goes on");
        _deliveries.Count.ShouldBeLessThanOrEqualTo(deliveries + ids.Length);
        (await LettersAsync(worker)).ShouldBeEmpty();
        await Deployment.UntilAsync(async () => (await http.GetAsync("/health/ready")).IsSuccessStatusCode, "the worker is ready");
        OutageOf(worker).ShouldBe(0);
    }

    [Fact]
    public async Task OneCheckpoint_IsADeadLetterAndItsNeighboursAreArchived()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment);
        var client = await deployment.StartClientAsync();
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id = 'bad'");

        await WriteAsync(worker, "good", "bad", "neighbour");
        (await ArchivedAsync(deployment)).ShouldBe("good neighbour");
        (await LettersAsync(worker)).ShouldHaveSingleItem().Letter.Reason.ShouldContain("refused");

        await SaveAsync(client, "bad", Durability.Queued);
        await Deployment.UntilAsync(async () => (await LettersAsync(worker)).Count == 2, "a message of one checkpoint is a dead letter, too");
        await PendingAsync(client, 0);
    }

    /// <summary>The first answer may be lost: the second must not say that all of it is archived.</summary>
    [Fact]
    public async Task OneCheckpoint_ItsMessageComesAgain_IsRefusedAgain()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment);
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id = 'bad'");
        var message = MessageOf("good", "bad", "neighbour");

        for (var delivery = 1; delivery <= 2; delivery++)
        {
            (await WriteAsync(worker, message)).Rejections.ShouldHaveSingleItem().Index.ShouldBe(1);
        }

        (await ArchivedAsync(deployment)).ShouldBe("good neighbour");
        (await LettersAsync(worker)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task OneCheckpointAndItsDeadLetter_AreNotTakenForArchived()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment);
        var client = await deployment.StartClientAsync();
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id = 'bad'");
        await RefuseAsync(deployment, "dead_letters", "NEW.letter_id LIKE 'refused:%'");

        await Should.ThrowAsync<PostgresException>(() => WriteAsync(worker, "good", "bad", "neighbour"));
        await SaveAsync(client, "bad", Durability.Queued);
        await Deployment.UntilAsync(async () => (await LettersAsync(worker)).Count == 1, "the whole message is a dead letter");
        (await LettersAsync(worker))[0].Letter.Id.ShouldStartWith("message:");
        (await Deployment.CacheOf(client).GetPendingStatsAsync(default)).Count.ShouldBe(1);
    }

    /// <summary>As when a statement runs into its timeout, or the disk has little room left.</summary>
    [Fact]
    public async Task OneCheckpoint_ForAReasonThatPasses_StaysInHandAndHoldsUpNobody()
    {
        await using var deployment = await CreateDeploymentAsync();
        deployment["Worker:PauseAfter"] = "00:00:01";
        deployment["Worker:Writers"] = "1";
        var worker = await StartWorkerAsync(deployment);
        var client = await deployment.StartClientAsync();
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id LIKE 'large%'", "53100");

        await SaveAsync(client, "large", Durability.Queued);
        var message = WriteAsync(worker, "before", "larger", "behind");
        await SaveAsync(client, "neighbour", Durability.Persisted);
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "before behind neighbour", "what can be archived is");
        var refusals = await RefusalsAsync(deployment);
        await Deployment.UntilAsync(async () => await RefusalsAsync(deployment) > refusals + 3, "the others are tried again");
        await SaveAsync(client, "next", Durability.Persisted);
        _deliveries.Returned.ShouldBe(0);
        message.IsCompleted.ShouldBeFalse();
        (await LettersAsync(worker)).ShouldBeEmpty();

        await ExecuteAsync($"DROP TRIGGER refuse ON {deployment.Prefix}.checkpoints");
        await message;
        await Deployment.UntilAsync(
            async () => await ArchivedAsync(deployment) == "before behind large larger neighbour next", "everything is archived");
        await PendingAsync(client, 0);
        _deliveries.Returned.ShouldBe(0);
        (await LettersAsync(worker)).ShouldBeEmpty();
    }

    [Fact]
    public async Task OneCheckpoint_ForAReasonThatPasses_DoesNotHoldUpTheEndOfTheWorker()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment, services => services.Configure<MassTransitHostOptions>(options => options.StopTimeout = null));
        var client = await deployment.StartClientAsync();
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id LIKE 'large%'", "53100");
        await SaveAsync(client, "large", Durability.Queued);
        await Deployment.UntilAsync(async () => await RefusalsAsync(deployment) > 3, "it is tried by itself");

        var elapsed = System.Diagnostics.Stopwatch.StartNew();
        await deployment.StopAsync(worker);
        elapsed.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20)); // The host ends after 25, whatever is left.
        _deliveries.Count.ShouldBe(1);

        await ExecuteAsync($"DROP TRIGGER refuse ON {deployment.Prefix}.checkpoints");
        await StartWorkerAsync(deployment);
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "large", "the message has gone back to the queue");
    }

    [Fact]
    public async Task OneCheckpoint_ForAReasonThatPasses_DoesNotHoldUpTheRescueOfOthers()
    {
        await using var deployment = await CreateDeploymentAsync();
        deployment["Worker:RescueAfter"] = deployment["Worker:RescueInterval"] = "00:00:00.100";
        var worker = await StartWorkerAsync(deployment);
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);
        await RefuseAsync(deployment, "checkpoints", "NEW.checkpoint_id LIKE 'large%'", "53100");
        await PutPendingAsync("large");
        await Deployment.UntilAsync(async () => await RefusalsAsync(deployment) > 3, "the rescuer has it in hand");
        foreach (var id in new[] { "a", "b", "c", "d" })
        {
            await PutPendingAsync(id);
        }

        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "a b c d", "the other shards are rescued");
        await ExecuteAsync($"DROP TRIGGER refuse ON {deployment.Prefix}.checkpoints");
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "a b c d large", "everything is rescued");
        await PendingAsync(client, 0);
        (await LettersAsync(worker)).ShouldBeEmpty();

        // In Redis and not on the queue. An execution is in one shard: these are in five.
        Task PutPendingAsync(string id) => cache.PutAsync(
            CheckpointCodec.Encode(new Checkpoint { ExecutionId = id, Id = id, CreatedAt = DateTimeOffset.UnixEpoch }), 1, default, true, CancellationToken.None);
    }

    [Fact]
    public async Task OneDeletion_DoesNotHoldUpTheRescueOfOthers()
    {
        await using var deployment = await CreateDeploymentAsync();
        deployment["Worker:RescueAfter"] = deployment["Worker:RescueInterval"] = "00:00:00.100";
        await StartWorkerAsync(deployment);
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);
        var layout = new RedisLayout(deployment.Prefix, 16);
        await RefuseAsync(deployment, "tombstones", "NEW.execution_id = 'refused'");
        await cache.DeleteAsync(new CheckpointKey("refused", "", "a"), 1, false, TimeSpan.FromDays(1), CancellationToken.None);
        await Deployment.UntilAsync(async () => await RefusalsAsync(deployment, "tombstones") > 3, "the rescuer has met it");

        // In the shards behind its own.
        string[] others = [.. Enumerable.Range(0, 1000).Select(i => $"{i:000}").Where(id => layout.ShardOf(id) > layout.ShardOf("refused")).Take(5)];
        foreach (var id in others)
        {
            await cache.PutAsync(
                CheckpointCodec.Encode(new Checkpoint { ExecutionId = id, Id = id, CreatedAt = DateTimeOffset.UnixEpoch }), 1, default, true, CancellationToken.None);
        }

        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == string.Join(' ', others), "the other shards are rescued");
        await PendingAsync(client, 1);
    }

    /// <summary>As the deletion of a very large execution: what belongs to its part of the executions waits, the others do not.</summary>
    [Fact]
    public async Task OneDeletion_TakesLong_HoldsUpOnlyItsOwn()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment);
        var host = await deployment.StartClientAsync();
        var client = host.Services.GetRequiredService<ICheckpointClient>();
        await SaveAsync(host, "first", Durability.Persisted);
        await HoldAsync(deployment);

        await client.ClearAsync("x", Durability.Queued);
        await HeldAsync(1);
        await SaveAsync(host, "behind", Durability.Queued);
        for (var i = 0; i < 5; i++)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = $"other{i}", Id = $"{i}" }, new SaveOptions { Durability = Durability.Persisted })
                .WaitAsync(TimeSpan.FromSeconds(25));
        }

        (await ArchivedAsync(deployment)).ShouldBe("0 1 2 3 4 first");
        await ReleaseAsync(deployment, "DELETE");
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "0 1 2 3 4 behind", "the rest follows");
        await PendingAsync(host, 0);
        (await LettersAsync(worker)).ShouldBeEmpty();
    }

    /// <summary>They wait for a transaction at the same moment.</summary>
    [Fact]
    public async Task OneClear_TakesLong_HoldsUpNoneOfThoseThatWaitWithIt()
    {
        await using var deployment = await CreateDeploymentAsync();
        deployment["Worker:Writers"] = "1";
        var worker = await StartWorkerAsync(deployment);
        await WriteAsync(worker, "first");
        await HoldAsync(deployment);
        var before = WriteAsync(worker, MessageOf("before", ["held"]));
        await HeldAsync(1);

        var clear = WriteAsync(worker, ClearOf("x"));
        var save = WriteAsync(worker, MessageOf("other", ["beside"]));
        await ReleaseAsync(deployment, "INSERT");
        await before;
        await save;

        await HeldAsync(1);
        clear.IsCompleted.ShouldBeFalse();
        (await ArchivedAsync(deployment)).ShouldBe("beside first held");
        await ReleaseAsync(deployment, "DELETE");
        await clear;
        (await ArchivedAsync(deployment)).ShouldBe("beside held");
    }

    [Fact]
    public async Task SeveralClears_TakeLong_HoldUpNoSaves()
    {
        await using var deployment = await CreateDeploymentAsync();
        var worker = await StartWorkerAsync(deployment);
        var host = await deployment.StartClientAsync();
        var client = host.Services.GetRequiredService<ICheckpointClient>();
        string[] executions = ["x", "x1", "x2"];
        foreach (var execution in executions)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = execution, Id = execution }, new SaveOptions { Durability = Durability.Persisted });
        }

        await HoldAsync(deployment);
        foreach (var execution in executions)
        {
            await client.ClearAsync(execution, Durability.Queued);
        }

        await HeldAsync(2); // As many as there are writers; the third waits for them.
        await client.SaveAsync(new Checkpoint { ExecutionId = "other", Id = "beside" }, new SaveOptions { Durability = Durability.Persisted })
            .WaitAsync(TimeSpan.FromSeconds(25));

        await HeldAsync(2);
        (await ArchivedAsync(deployment)).ShouldBe("beside x x1 x2");
        await ReleaseAsync(deployment, "DELETE");
        await Deployment.UntilAsync(async () => await ArchivedAsync(deployment) == "beside", "all are cleared");
        await PendingAsync(host, 0);
        (await LettersAsync(worker)).ShouldBeEmpty();
    }

    /// <summary>From now on, deletions of executions "x…" and saves of "before" stay in their transactions.</summary>
    private Task<object?> HoldAsync(Deployment deployment) => ExecuteAsync(
        $"""
        CREATE TABLE {deployment.Prefix}.held AS SELECT unnest(ARRAY['DELETE', 'INSERT']) AS operation;
        GRANT SELECT ON {deployment.Prefix}.held TO {_role};
        CREATE FUNCTION {deployment.Prefix}.hold() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WHILE EXISTS (SELECT FROM {deployment.Prefix}.held WHERE operation = TG_OP) LOOP PERFORM pg_sleep(0.02); END LOOP;
            RETURN coalesce(NEW, OLD);
        END $$;
        CREATE TRIGGER hold_deletion BEFORE DELETE ON {deployment.Prefix}.checkpoints
            FOR EACH ROW WHEN (OLD.execution_id LIKE 'x%') EXECUTE FUNCTION {deployment.Prefix}.hold();
        CREATE TRIGGER hold_save BEFORE INSERT ON {deployment.Prefix}.checkpoints
            FOR EACH ROW WHEN (NEW.execution_id = 'before') EXECUTE FUNCTION {deployment.Prefix}.hold();
        """);

    private Task<object?> ReleaseAsync(Deployment deployment, string operation) =>
        ExecuteAsync($"DELETE FROM {deployment.Prefix}.held WHERE operation = '{operation}'");

    private Task HeldAsync(int count) => Deployment.UntilAsync(
        async () => (long)(await ExecuteAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"))! == count,
        $"{count} are held");

    private async Task<Deployment> CreateDeploymentAsync()
    {
        var deployment = new Deployment(ArchiveKind.Postgres);
        var admin = new NpgsqlConnectionStringBuilder(await PostgresDatabase.CreateAsync()) { Pooling = false };
        _admin = admin.ConnectionString;
        await ExecuteAsync($"CREATE ROLE {_role} LOGIN PASSWORD 'worker'; GRANT CREATE ON DATABASE {admin.Database} TO {_role}");
        deployment["ConnectionStrings:Postgres"] = new NpgsqlConnectionStringBuilder(_admin)
        {
            Username = _role,
            Password = "worker",
            Pooling = true,
            MaxPoolSize = 4,
        }.ConnectionString;
        deployment["Worker:RescueAfter"] = "1.00:00:00"; // By the queue, or not at all.
        return deployment;
    }

    private async Task<IHost> StartWorkerAsync(Deployment deployment, Action<IServiceCollection>? configure = null)
    {
        var worker = await deployment.StartWorkerAsync(services =>
        {
            configure?.Invoke(services);
            CallWatch.Watch<ICheckpointArchive, IWatchedArchive>(
                services,
                call =>
                {
                    if (call == nameof(ICheckpointArchive.ProbeAsync))
                    {
                        Interlocked.Increment(ref _probes);
                    }
                });
        });
        worker.Services.GetRequiredService<IWorkerBus>().ConnectConsumeMessageObserver(_deliveries);
        await worker.Services.GetRequiredService<ArchiveState>().WhenMigrated.WaitAsync(Deployment.Patience);
        return worker;
    }

    /// <summary>Waits for so many more.</summary>
    private Task ProbesAsync(int more)
    {
        var goal = Volatile.Read(ref _probes) + more;
        return Deployment.UntilAsync(() => Task.FromResult(Volatile.Read(ref _probes) >= goal), $"{more} more probes");
    }

    private static double OutageOf(IHost worker)
    {
        using var recorder = new MeterRecorder(worker);
        recorder.Observe();
        return recorder.Measurements.Single(measured => measured.Name == "asynccheckpoints.archive.outage").Value;
    }

    private static Task PendingAsync(IHost client, int count) => Deployment.UntilAsync(
        async () => (await Deployment.CacheOf(client).GetPendingStatsAsync(default)).Count == count, $"{count} are pending");

    private static Task<SaveResult> SaveAsync(IHost client, string id, Durability durability) =>
        client.Services.GetRequiredService<ICheckpointClient>().SaveAsync(
            new Checkpoint { ExecutionId = "x", Id = id, State = new byte[] { 1 } }, new SaveOptions { Durability = durability, Strict = true });

    /// <summary>A mark whose checkpoint Redis has lost: nothing is written, and nothing is learned of the archive.</summary>
    private static Task RescueNothingAsync(IHost worker)
    {
        var mark = new PendingMark(PendingKind.Save, new CheckpointKey("x", "", "lost"), 1, default);
        var commands = worker.Services.GetRequiredService<CommandReader>().Read([new PendingEntry(mark, ReadOnlyMemory<byte>.Empty)]);
        return worker.Services.GetRequiredService<ArchiveWriter>().WriteAsync(commands with { Marks = [] }, CancellationToken.None).WaitAsync(Deployment.Patience);
    }

    /// <summary>One message.</summary>
    private static Task<IncomingCommands> WriteAsync(IHost worker, params string[] ids) => WriteAsync(worker, MessageOf(ids));

    private static async Task<IncomingCommands> WriteAsync(IHost worker, CheckpointCommands message)
    {
        var commands = worker.Services.GetRequiredService<CommandReader>().Read(message) with { Marks = [] };
        await worker.Services.GetRequiredService<ArchiveWriter>().WriteAsync(commands, CancellationToken.None).WaitAsync(Deployment.Patience);
        return commands;
    }

    private static CheckpointCommands MessageOf(params string[] ids) => MessageOf("x", ids);

    private static CheckpointCommands MessageOf(string execution, string[] ids)
    {
        var message = new CheckpointCommands { SchemaVersion = Contracts.WireFormat.SchemaVersion, CommandId = $"{Guid.NewGuid():N}" };
        message.Saves.AddRange(ids.Select((id, i) => new SaveCheckpoint
        {
            Sequence = i + 1,
            Record = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(
                CheckpointCodec.Encode(new Checkpoint { ExecutionId = execution, Id = id, CreatedAt = DateTimeOffset.UnixEpoch }).Record),
            Cached = true,
        }));
        return message;
    }

    private static CheckpointCommands ClearOf(string execution)
    {
        var message = MessageOf();
        message.Clears.Add(new ClearExecution { ExecutionId = execution, Sequence = 10, Cached = true });
        return message;
    }

    private Task<object?> RefuseAsync(Deployment deployment, string table, string condition, string state = "P0001") => ExecuteAsync(
        $"""
        CREATE SEQUENCE {deployment.Prefix}.refused_{table};
        GRANT USAGE ON SEQUENCE {deployment.Prefix}.refused_{table} TO {_role};
        CREATE FUNCTION {deployment.Prefix}.refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('{deployment.Prefix}.refused_{table}'); RAISE 'refused' USING ERRCODE = '{state}'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {deployment.Prefix}.{table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {deployment.Prefix}.refuse_{table}();
        """);

    private async Task<long> RefusalsAsync(Deployment deployment, string table = "checkpoints") =>
        (long)(await ExecuteAsync($"SELECT last_value FROM {deployment.Prefix}.refused_{table}"))!;

    private async Task<string> ArchivedAsync(Deployment deployment) => $"{await ExecuteAsync(
        $"SELECT string_agg(checkpoint_id, ' ' ORDER BY checkpoint_id) FROM {deployment.Prefix}.checkpoints")}";

    private static Task<IReadOnlyList<StoredDeadLetter>> LettersAsync(IHost worker) =>
        Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 100, true, CancellationToken.None);

    private async Task<object?> ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_admin);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    private sealed class DeliveryCount : IConsumeMessageObserver<CheckpointCommands>
    {
        private int _count;
        private int _returned;

        public int Count => Volatile.Read(ref _count);

        /// <summary>Those that had been given back; a client that waits for an answer may send a message once more by itself.</summary>
        public int Returned => Volatile.Read(ref _returned);

        public Task PreConsume(ConsumeContext<CheckpointCommands> context)
        {
            Interlocked.Increment(ref _count);
            Interlocked.Add(ref _returned, context.ReceiveContext.Redelivered ? 1 : 0);
            return Task.CompletedTask;
        }

        public Task PostConsume(ConsumeContext<CheckpointCommands> context) => Task.CompletedTask;

        public Task ConsumeFault(ConsumeContext<CheckpointCommands> context, Exception exception) => Task.CompletedTask;
    }
}
