using System.Diagnostics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Health;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>
/// One installation: a prefix on Redis and RabbitMQ and an archive of its own, with as many workers and clients in this
/// process as a test starts. What it leaves on the shared servers goes with them.
/// </summary>
internal sealed class Deployment : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // No test is about a machine that is busy for some seconds.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(45);

    private readonly List<IHost> _hosts = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-");
    private readonly Dictionary<string, string?> _settings = [];
    private readonly bool _isEmbedded;

    public Deployment(ArchiveKind archive, bool isEmbedded = false)
    {
        _isEmbedded = isEmbedded;
        Prefix = $"t{Guid.NewGuid():N}"[..20];
        _settings["Checkpoints:Prefix"] = Prefix;
        _settings["Checkpoints:ShardCount"] = "16";
        _settings["Worker:DataPath"] = _folder.FullName;
        _settings["Worker:Schema"] = Prefix;
        foreach (var setting in new[] { "CacheTimeout", "BrokerTimeout", "ReadTimeout", "SaveTimeout" })
        {
            _settings[$"Checkpoints:{setting}"] = Timeout.ToString();
        }

        if (!isEmbedded)
        {
            _settings["ConnectionStrings:Redis"] = SharedServers.Redis;
            _settings["ConnectionStrings:RabbitMq"] = SharedServers.RabbitMq;
        }

        if (archive == ArchiveKind.Postgres)
        {
            // Every worker of every test has a pool of its own; the server has 100 connections.
            _settings["ConnectionStrings:Postgres"] =
                new NpgsqlConnectionStringBuilder(SharedServers.Postgres) { MaxPoolSize = 4, Pooling = true }.ConnectionString;
        }
    }

    public string Prefix { get; }

    /// <summary>A setting of all hosts that are started from now on.</summary>
    public string? this[string setting]
    {
        get => _settings.GetValueOrDefault(setting);
        set => _settings[setting] = value;
    }

    public async Task<IHost> StartWorkerAsync(Action<IServiceCollection>? addServices = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(_settings);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        Quiet(builder.Logging);
        builder.Services.AddCheckpointWorker(builder.Configuration);
        addServices?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapWorkerHealth();
        app.MapWorkerMetrics();
        return await StartAsync(app);
    }

    /// <summary>A client of its own, or, where cache and bus are in one process, the worker's.</summary>
    public async Task<IHost> StartClientAsync(Action<CheckpointOptions>? configure = null, Action<IServiceCollection>? addServices = null)
    {
        if (_isEmbedded)
        {
            return _hosts.Count > 0 ? _hosts[0] : await StartWorkerAsync();
        }

        var builder = Host.CreateEmptyApplicationBuilder(null);
        Quiet(builder.Logging);
        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = _settings["ConnectionStrings:Redis"];
            options.RabbitMq = _settings["ConnectionStrings:RabbitMq"];
            options.Prefix = Prefix;
            options.ShardCount = 16;
            options.CacheTimeout = options.BrokerTimeout = options.ReadTimeout = options.SaveTimeout = Timeout;
            configure?.Invoke(options);
        });
        addServices?.Invoke(builder.Services);
        return await StartAsync(builder.Build());
    }

    public async Task<ICheckpointClient> CreateClientAsync(Action<CheckpointOptions>? configure = null) =>
        (await StartClientAsync(configure)).Services.GetRequiredService<ICheckpointClient>();

    public static ICheckpointArchive ArchiveOf(IHost worker) => worker.Services.GetRequiredService<ICheckpointArchive>();

    public static ICheckpointCache CacheOf(IHost host) => host.Services.GetRequiredService<ICheckpointCache>();

    /// <summary>Waits for a condition that a signal cannot tell; fails when it does not come true.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        var limit = patience ?? Patience;
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > limit)
            {
                throw new TimeoutException($"Not within {limit}: {what}.");
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Every archived checkpoint of an execution, newest first, without states.</summary>
    public static async Task<IReadOnlyList<Checkpoint>> ArchivedAsync(IHost worker, string executionId)
    {
        await worker.Services.GetRequiredService<ArchiveState>().WhenMigrated;
        var all = new List<Checkpoint>();
        Contracts.ListPosition? after = null;
        while (true)
        {
            var query = new CheckpointQuery { ExecutionId = executionId, Namespace = null, Limit = CheckpointQuery.MaxLimit };
            var page = await ArchiveOf(worker).FindAsync(query, null, after, long.MaxValue, CancellationToken.None);
            all.AddRange(page.Items);
            if (!page.HasMore)
            {
                return all;
            }

            after = Contracts.ListPosition.Of(all[^1]);
        }
    }

    public async Task StopAsync(IHost host)
    {
        _hosts.Remove(host);
        await host.StopAsync();
        await DisposeAsync(host);
    }

    public async ValueTask DisposeAsync()
    {
        // Clients first: they drain.
        foreach (var host in _hosts.AsEnumerable().Reverse())
        {
            await host.StopAsync();
            await DisposeAsync(host);
        }

        _folder.Delete(recursive: true);
    }

    private static async ValueTask DisposeAsync(IHost host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            host.Dispose();
        }
    }

    private static void Quiet(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        if (Environment.GetEnvironmentVariable("ASYNCCHECKPOINTS_TEST_LOG") is { Length: > 0 } level)
        {
            logging.AddConsole().SetMinimumLevel(Enum.Parse<LogLevel>(level, ignoreCase: true));
        }
    }

    private async Task<IHost> StartAsync(IHost host)
    {
        _hosts.Add(host);
        await host.StartAsync();
        return host;
    }
}
