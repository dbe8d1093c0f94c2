using System.Diagnostics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shouldly;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// One installation under test: a prefix and an archive of its own, workers as processes, clients in this process behind
/// proxies, a ledger, and a timeline that is shown with the seed when a test fails.
/// </summary>
internal sealed partial class FaultLab : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>The clients' SaveTimeout is 4 s; the rest is for a machine that is busy.</summary>
    public static readonly TimeSpan SlowestCall = TimeSpan.FromSeconds(12);

    private readonly List<IHost> _clients = [];
    private readonly Dictionary<string, string?> _settings;
    private EventListener _listener = null!;
    private bool _isDisposed;

    private FaultLab(ServerSet servers, int seed, Timeline timeline)
    {
        Servers = servers;
        Seed = seed;
        Timeline = timeline;
        Random = new Random(seed);
        Prefix = $"f{Guid.NewGuid():N}"[..20];
        Redis = TcpProxy.Start(servers.Redis);
        RabbitMq = TcpProxy.Start(servers.RabbitMq);
        Postgres = TcpProxy.Start(servers.Postgres);
        var archive = new NpgsqlConnectionStringBuilder(servers.Postgres) { MaxPoolSize = 4, Timeout = 5 };
        Archive = new PostgresArchive(new PostgresArchiveOptions { ConnectionString = archive.ConnectionString, Schema = Prefix });
        _settings = new()
        {
            ["ConnectionStrings__Redis"] = servers.Redis,
            ["ConnectionStrings__RabbitMq"] = servers.RabbitMq,
            ["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(Postgres.ConnectionString) { MaxPoolSize = 10, Timeout = 3 }.ConnectionString,
            ["Checkpoints__Prefix"] = Prefix,
            ["Checkpoints__ShardCount"] = "16",
            ["Worker__Schema"] = Prefix,
            ["Worker__RescueAfter"] = "00:00:02",
            ["Worker__RescueInterval"] = "00:00:01",
            ["Worker__OutboxInterval"] = "00:00:00.200",
            ["Worker__OutboxLease"] = "00:00:03",
            ["Worker__PauseAfter"] = "00:00:02",
        };
    }

    public ServerSet Servers { get; }

    public int Seed { get; }

    public Random Random { get; }

    public Timeline Timeline { get; }

    public string Prefix { get; }

    public Ledger Ledger { get; } = new();

    /// <summary>Between the clients of this process and Redis.</summary>
    public TcpProxy Redis { get; }

    /// <summary>Between the clients of this process and the broker.</summary>
    public TcpProxy RabbitMq { get; }

    /// <summary>Between the workers and PostgreSQL.</summary>
    public TcpProxy Postgres { get; }

    /// <summary>The archive, read beside the workers.</summary>
    public ICheckpointArchive Archive { get; private set; }

    /// <summary>What another program has learnt from the events.</summary>
    public EventJournal Events => _listener.Journal;

    /// <summary>Workloads during which Redis has lost data: what only it held of theirs is not promised any more.</summary>
    public HashSet<string> AtRisk { get; } = [];

    /// <summary>The lowest level that holds for those too.</summary>
    public Durability SafeLevel { get; set; } = Durability.Queued;

    /// <summary>Workloads that another build runs.</summary>
    public HashSet<string> OfAnotherBuild { get; } = [];

    /// <summary>A setting of all workers that are started from now on.</summary>
    public string? this[string setting]
    {
        set => _settings[setting] = value;
    }

    public static async Task<FaultLab> StartAsync(ServerSet servers, int seed, Action<string>? echo = null)
    {
        var lab = new FaultLab(servers, seed, new Timeline(echo));
        lab._listener = await EventListener.StartAsync(servers.RabbitMq, lab.Prefix);
        return lab;
    }

    /// <summary>Runs a test; what it throws comes with seed and timeline.</summary>
    public static async Task RunAsync(ServerSet servers, int seed, Func<FaultLab, Task> test)
    {
        var isTold = Environment.GetEnvironmentVariable("ASYNCCHECKPOINTS_TEST_LOG") is { Length: > 0 };
        await using var lab = await StartAsync(servers, seed, isTold ? Console.WriteLine : null);
        try
        {
            await test(lab);
        }
        catch (Exception e)
        {
            var workers = string.Join("\n", lab._workers.Select(worker => string.Join('\n', worker.Lines.TakeLast(30))));
            throw new InvalidOperationException($"{e.Message}\nSeed {seed}. Timeline:\n{lab.Timeline}\nWorkers:\n{workers}", e);
        }
    }

    /// <summary>The archive is a file instead.</summary>
    public void UseSqlite(string folder)
    {
        _settings.Remove("ConnectionStrings__Postgres");
        _settings["Worker__DataPath"] = folder;
        Archive = new SqliteArchive(new SqliteArchiveOptions { Path = Path.Combine(folder, "checkpoints.db") }, TimeProvider.System);
    }

    /// <summary>Starts a client behind the proxies.</summary>
    public async Task<IHost> StartClientAsync(
        Action<CheckpointOptions>? configure = null, TimeProvider? time = null, Action<IServiceCollection>? addServices = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.ClearProviders();
        if (time is not null)
        {
            builder.Services.AddSingleton(time);
        }

        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = Redis.ConnectionString;
            options.RabbitMq = RabbitMq.ConnectionString;
            options.Prefix = Prefix;
            options.ShardCount = 16;
            options.CacheTimeout = TimeSpan.FromSeconds(1);
            options.BrokerTimeout = TimeSpan.FromSeconds(2);
            options.SaveTimeout = TimeSpan.FromSeconds(4);
            configure?.Invoke(options);
        });
        addServices?.Invoke(builder.Services);
        var host = builder.Build();
        _clients.Add(host);
        await host.StartAsync();
        return host;
    }

    /// <summary>For a client of a test that is not about the time that its calls take.</summary>
    public static void GiveTime(CheckpointOptions options) =>
        (options.CacheTimeout, options.BrokerTimeout, options.SaveTimeout) = (TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60));

    /// <summary>Waits until a save goes the whole way: connections, tables and answers need longer at first.</summary>
    public static Task ReadyAsync(ICheckpointClient client) => UntilAsync(
        async () =>
        {
            try
            {
                await client.SaveAsync(new Checkpoint { ExecutionId = "ready" }, new SaveOptions { Durability = Durability.Persisted });
                return true;
            }
            catch (CheckpointUnavailableException)
            {
                return false;
            }
        },
        "a save goes the whole way");

    public static ICheckpointClient ClientOf(IHost host) => host.Services.GetRequiredService<ICheckpointClient>();

    public static ICheckpointCache CacheOf(IHost host) => host.Services.GetRequiredService<ICheckpointCache>();

    /// <summary>Runs the workload of a client while something happens to the installation. No call may take longer than its timeout.</summary>
    public async Task<Workload> UnderLoadAsync(ICheckpointClient client, Func<Task> happening, string name = "w")
    {
        using var stop = new CancellationTokenSource();
        var workload = new Workload(client, Ledger, Seed, name);
        var running = workload.RunAsync(stop.Token);
        try
        {
            // The inner await: what the happening finds wrong must not be lost.
            await await Task.WhenAny(running, happening());
        }
        finally
        {
            await stop.CancelAsync();
            await running;
        }

        Timeline.Note($"{Ledger.Acknowledged} operations acknowledged, {workload.Refused} refused, the slowest took {workload.Slowest.TotalSeconds:F1} s");
        workload.Slowest.ShouldBeLessThan(SlowestCall);
        return workload;
    }

    /// <summary>Saves a checkpoint of which the ledger knows.</summary>
    public async Task<SaveResult> SaveAsync(
        ICheckpointClient client, string executionId, int number, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        var operation = Ledger.Begin(new Operation(
            number, executionId, number, OperationKind.Save, new CheckpointKey(executionId, "", $"{number}"), $"{executionId}#{number}"));
        var saved = await client.SaveAsync(Operation.CheckpointOf(operation.Key, operation.Token), options, cancellationToken);
        Ledger.Acknowledge(operation, saved.Reached, saved.Cached ? saved.Sequence : -saved.Sequence, saved.Spooled);
        return saved;
    }

    /// <summary>Waits until the workload has got further, so that what comes next meets it in full flow.</summary>
    public Task ProgressAsync(int operations = 200)
    {
        var goal = Ledger.Acknowledged + operations;
        return UntilAsync(() => Task.FromResult(Ledger.Acknowledged >= goal), $"{operations} more operations are acknowledged");
    }

    /// <summary>Waits for a condition that no signal tells.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await IsTrueAsync(condition))
        {
            if (watch.Elapsed > (patience ?? Patience))
            {
                throw new TimeoutException($"Not within {patience ?? Patience}: {what}.");
            }

            await Task.Delay(25);
        }
    }

    /// <summary>A worker that has just started may not have made its tables yet.</summary>
    private static async Task<bool> IsTrueAsync(Func<Task<bool>> condition)
    {
        try
        {
            return await condition();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await Task.WhenAll(_clients.Select(StopClientAsync));
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync();
        }

        await _listener.DisposeAsync();
        await (Archive as IAsyncDisposable)!.DisposeAsync();
        await Redis.DisposeAsync();
        await RabbitMq.DisposeAsync();
        await Postgres.DisposeAsync();
    }

    /// <summary>The end of the application: it drains.</summary>
    public static async Task StopClientAsync(IHost host)
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }
}
