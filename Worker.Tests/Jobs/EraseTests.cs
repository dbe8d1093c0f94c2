using System.Net;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.CommandLine;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shouldly;
using StackExchange.Redis;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>After an erasure the person's text is nowhere: looked for in the raw contents of every store.</summary>
public sealed class EraseTests : IDisposable
{
    private const string Secret = "whatPerson7Said";
    private readonly DirectoryInfo _spool = Directory.CreateTempSubdirectory("erase-spool-");
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..20];

    public static TheoryData<bool> IsPostgres => [false, true];

    public void Dispose() => _spool.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(IsPostgres))]
    public async Task Erase_Executions_LeavesNoTraceOfTheirContentAndNothingBringsItBack(bool isPostgres)
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        var (worker, stores) = await StartAsync(isPostgres);
        await using var running = worker;
        var first = await StartClientAsync(broker, redis);
        var saved = await FillAsync(ClientOf(first));
        await PlantLettersAsync(worker);
        await worker.RunAsync("export", new { path = "all.jsonl" });
        await broker.CutAsync();
        await redis.CutAsync();
        (await ClientOf(first).SaveAsync(Of("person-7-a", "spooled"))).Spooled.ShouldBeTrue();
        await StopAsync(first);
        var spooled = SpooledCommand();
        var places = await stores.FindAsync(Secret);
        places.ShouldContain("table checkpoints");
        places.ShouldContain("table dead_letters");
        places.ShouldContain(place => place.StartsWith("redis", StringComparison.Ordinal));

        var arguments = new { executions = "person-7-*" };
        var dry = await worker.RunAsync("erase", new { arguments.executions, dryRun = true });
        WithoutDatabaseFiles(await stores.FindAsync(Secret)).ShouldBe(WithoutDatabaseFiles(places));
        var job = await worker.RunAsync("erase", arguments);

        Counts(dry).ShouldBe("wouldErase 6, wouldEraseLetters 2");
        Counts(job).ShouldBe("erased 6, lettersErased 2");
        var findings = await worker.FindingsAsync(job.GetProperty("id").GetString()!);
        findings.Select(finding => finding.Kind).ShouldBe(["unreadable", "not-reached"]);
        findings[1].Subject.ShouldBe("file all.jsonl");
        File.Delete(Path.Combine(worker.JobFolder, "all.jsonl"));
        (await stores.FindAsync(Secret)).ShouldBeEmpty();

        // What comes late: a redelivery with the sequence of then, and what the application had put aside.
        var late = new CheckpointCommands { SchemaVersion = 1, CommandId = $"late-{_prefix}", Saves = { Save(Of("person-7-a", "c0"), saved.Sequence) } };
        await RawQueue.PublishAsync(SharedServers.RabbitMq, _prefix, (WireFormat.ContentType.MediaType, late.ToByteArray()));
        broker.Restore();
        redis.Restore();
        var second = await StartClientAsync(broker, redis);
        await Deployment.UntilAsync(
            async () => second.Services.GetRequiredService<ICommandSpool>().IsEmpty
                && await stores.HasCommandAsync(late.CommandId) && await stores.HasCommandAsync(spooled), "what was late has come");
        await StopAsync(second);
        (await stores.FindAsync(Secret)).ShouldBeEmpty();
        RawStores.InFiles(Secret, _spool.FullName).ShouldBeEmpty();
        Counts(await worker.RunAsync("erase", arguments)).ShouldBe("erased 0, lettersErased 0");

        // Nobody else has lost anything.
        (await worker.Http.GetStringAsync("/executions/person-70/latest")).ShouldBe("\"what others said\"");
        var letters = (await LettersAsync(worker)).Select(letter => letter.GetProperty("reason").GetString()!).ToList();
        letters.Count.ShouldBe(3);
        (await stores.FindAsync("what others said")).ShouldContain("table dead_letters");
    }

    [Theory]
    [MemberData(nameof(IsPostgres))]
    public async Task Erase_Metadata_TakesOnlyWhatHasThem(bool isPostgres)
    {
        var (worker, stores) = await StartAsync(isPostgres);
        await using var running = worker;
        foreach (var (id, person) in new[] { ("c0", "p7"), ("c1", "p8"), ("c2", "p7") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, $"/executions/shared/checkpoints/{id}?durability=persisted");
            request.Content = new StringContent(person == "p7" ? Secret : "other");
            request.Headers.Add("Checkpoint-Metadata", JsonSerializer.Serialize(new { person = new { id = $"{person}Filter" } }));
            (await worker.Http.SendAsync(request)).EnsureSuccessStatusCode();
        }

        var job = await worker.RunAsync("erase", new { metadata = new { person = new { id = "p7Filter" } } });

        Counts(job).ShouldBe("erased 2, lettersErased 0");
        (await stores.FindAsync(Secret)).ShouldBeEmpty();
        (await worker.Http.GetStringAsync("/executions/shared/latest")).ShouldBe("other");

        // What was asked for is kept with the job; the audit trail has the members' names only.
        (await stores.FindAsync("p7Filter")).Where(place => !place.StartsWith("file", StringComparison.Ordinal)).ShouldBe(["table jobs"]);
        JsonElement.Parse(await worker.Http.GetStringAsync("/audit")).GetProperty("items")[0].GetProperty("detail").GetString()
            .ShouldBe("""erase {"metadata":["person"]}""");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_ValuesInRedisThatNobodyCanRead_AreFindingsAndTheRestGoes(bool isWhole)
    {
        var (worker, stores) = await StartAsync(isPostgres: false);
        await using var running = worker;
        foreach (var (execution, id) in new[] { ("a-torn", "c0"), ("a-torn", "c1"), ("b-torn", "c0"), ("b-torn", "c1"), ("c-strange", "c0"), ("shared", "c0") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, $"/executions/{execution}/checkpoints/{id}?durability=persisted");
            request.Content = new StringContent(id == "c0" && execution != "c-strange" ? "other" : Secret);
            request.Headers.Add("Checkpoint-Metadata", """{"person":"p7"}""");
            (await worker.Http.SendAsync(request)).EnsureSuccessStatusCode();
        }

        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var (db, layout) = (redis.GetDatabase(), new RedisLayout(_prefix, JobWorker.ShardCount));
        var header = ((byte[])(await db.HashGetAsync(HashOf("b-torn"), "c0"))!)[..RedisFormat.HeaderLength];
        await db.HashSetAsync(HashOf("a-torn"), "c0", new byte[5]);
        await db.HashSetAsync(HashOf("b-torn"), "c0", (byte[])[.. header, .. "garbage"u8]);
        await db.KeyDeleteAsync(HashOf("c-strange"));
        await db.StringSetAsync(HashOf("c-strange"), "not a hash");

        (await stores.FindAsync(Secret)).ShouldContain("table checkpoints");
        var job = await worker.RunAsync("erase", isWhole ? new { executions = "*r*" } : new { metadata = new { person = "p7" } });

        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Select(finding => (finding.Kind, finding.Subject.Split(',')[0])).ShouldBe(isWhole
            ? [("not-reached", "c-strange")]
            : [("unreadable", "a-torn"), ("unreadable", "b-torn"), ("unreadable", "c-strange"), ("not-reached", "c-strange/c0")]);
        await using (var archive = worker.OpenArchive())
        {
            (await JobWorker.ReadAsync(archive)).ShouldBeEmpty();
        }

        (await stores.FindAsync(Secret)).ShouldBeEmpty();
        (await worker.Http.GetAsync("/executions/shared/latest")).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        RedisKey HashOf(string execution) => layout.StreamKey(layout.ShardOf(execution), 'h', execution, "");
    }

    [Fact]
    public async Task Erase_DeadCommandsOfTheBroker_AreSaidToBeNotReached()
    {
        var (worker, _) = await StartAsync(isPostgres: false);
        await using var running = worker;
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, _prefix, Encoding.UTF8.GetBytes(Secret));

        // A broker that is busy for a quarter of a second says that a quorum queue has none.
        CliProcess.Result result = null!;
        await Deployment.UntilAsync(
            async () => (result = await CliProcess.RunAsync("erase", "--executions", "person-7-*", "--url", worker.Http.BaseAddress!.ToString())).ExitCode == 4,
            "they are counted");
        result.Output.ShouldStartWith("not-reached\tthe broker's dead commands\t1 messages that were delivered too often. Look at them, and purge the queue if they are meant.\n");
    }

    private static string Counts(JsonElement job) =>
        string.Join(", ", job.GetProperty("counts").EnumerateObject().Select(count => $"{count.Name} {count.Value.GetInt64()}"));

    // SQLite moves pages from its write-ahead log into the database whenever it likes; the tables say what is there.
    private static IEnumerable<string> WithoutDatabaseFiles(IEnumerable<string> places) =>
        places.Where(place => !place.StartsWith($"file {JobWorker.ArchiveName}", StringComparison.Ordinal));

    private static ICheckpointClient ClientOf(IHost host) => host.Services.GetRequiredService<ICheckpointClient>();

    private static Checkpoint Of(string execution, string id, string ns = "") => new()
    {
        ExecutionId = execution,
        Namespace = ns,
        Id = id,
        State = Encoding.UTF8.GetBytes(execution.StartsWith("person-7-", StringComparison.Ordinal) ? Secret : "\"what others said\""),
        Metadata = JsonElement.Parse($$"""{"said":"{{(execution.StartsWith("person-7-", StringComparison.Ordinal) ? Secret : "what others said")}}"}"""),
        CreatedAt = DateTimeOffset.UnixEpoch,
    };

    private static SaveCheckpoint Save(Checkpoint checkpoint, long sequence) =>
        new() { Sequence = sequence, Record = ByteString.CopyFrom(CheckpointCodec.Encode(checkpoint).Record.Span), Cached = true };

    private static async Task<SaveResult> FillAsync(ICheckpointClient client)
    {
        var persisted = new SaveOptions { Durability = Durability.Persisted };
        var first = await client.SaveAsync(Of("person-7-a", "c0"), persisted);
        foreach (var (execution, id, ns) in new[]
        {
            ("person-7-a", "c1", ""), ("person-7-a", "c0", "sub"), ("person-7-b", "c0", ""), ("person-7-b", "c1", ""), ("person-7-b", "c2", ""), ("person-70", "c0", ""),
        })
        {
            await client.SaveAsync(Of(execution, id, ns), persisted);
        }

        return first;
    }

    // One of the person, one of somebody else, one with both, one that nobody can read.
    private async Task PlantLettersAsync(JobWorker worker)
    {
        await RawQueue.PublishAsync(SharedServers.RabbitMq, _prefix,
            (WireFormat.ContentType.MediaType, Message("broken", 1, Save(Of("person-7-a", "x"), 0), Save(Of("person-70", "x"), 0))),
            (WireFormat.ContentType.MediaType, Message("newer", 99, Save(Of("person-7-b", "y"), 5), Save(Of("person-70", "y"), 5))),
            ("text/plain", "hello"u8.ToArray()));
        await Deployment.UntilAsync(async () => (await LettersAsync(worker)).Count == 4, "four dead letters");

        static byte[] Message(string id, int version, params SaveCheckpoint[] saves) =>
            new CheckpointCommands { SchemaVersion = version, CommandId = id, Saves = { saves } }.ToByteArray();
    }

    private static async Task<IReadOnlyList<JsonElement>> LettersAsync(JobWorker worker) =>
        [.. JsonElement.Parse(await worker.Http.GetStringAsync("/dead-letters")).GetProperty("items").EnumerateArray()];

    private async Task<(JobWorker Worker, RawStores Stores)> StartAsync(bool isPostgres)
    {
        var worker = new JobWorker();
        worker.UseServers(_prefix);
        var database = isPostgres ? await PostgresDatabase.CreateAsync() : null;
        worker["ConnectionStrings__Postgres"] = database;
        await worker.StartAsync();
        return (worker, new RawStores(worker, database, _prefix));
    }

    private async Task<IHost> StartClientAsync(TcpProxy broker, TcpProxy redis)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.ClearProviders();
        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = redis.ConnectionString;
            options.RabbitMq = broker.ConnectionString;
            options.Prefix = _prefix;
            options.ShardCount = JobWorker.ShardCount;
            options.BrokerTimeout = TimeSpan.FromSeconds(6);
            options.CacheTimeout = TimeSpan.FromSeconds(6);
            options.SaveTimeout = TimeSpan.FromSeconds(30);
            options.DrainTimeout = TimeSpan.FromSeconds(5);
        });
        builder.Services.AddCheckpointSpool(options => options.SpoolPath = Path.Combine(_spool.FullName, "spool.db"));
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static async Task StopAsync(IHost host)
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }

    private string SpooledCommand()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_spool.FullName, "spool.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT body FROM spool";
        var message = CheckpointCommands.Parser.ParseFrom((byte[])command.ExecuteScalar()!);
        message.Saves.ShouldHaveSingleItem();
        return message.CommandId;
    }
}
