using System.Globalization;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>The application under test as a process of its own: the workload, with its ledger in a file.</summary>
internal static class FaultApplication
{
    /// <summary>The settings that come by environment.</summary>
    private static readonly string[] Settings = ["REDIS", "RABBITMQ", "PREFIX", "PAUSE_MS", "FIRST"];

    public static async Task<int> RunAsync(string ledgerFile, int seed, string name)
    {
        var settings = Settings.ToDictionary(setting => setting, setting => Environment.GetEnvironmentVariable($"FAULT_{setting}")!);
        await using var file = new StreamWriter(ledgerFile);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("MassTransit", LogLevel.Error);
        builder.Logging.AddFilter("AsyncCheckpoints.Spool", LogLevel.Information);
        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = settings["REDIS"];
            options.RabbitMq = settings["RABBITMQ"];
            options.Prefix = settings["PREFIX"];
            options.ShardCount = 16;
            options.CacheTimeout = TimeSpan.FromSeconds(1);
            options.BrokerTimeout = TimeSpan.FromSeconds(2);
            options.SaveTimeout = TimeSpan.FromSeconds(4);
        });
        if (Environment.GetEnvironmentVariable("FAULT_SPOOL") is { } spool)
        {
            builder.Services.AddCheckpointSpool(options => options.SpoolPath = spool);
        }

        builder.Services.AddHostedService(provider => new Load(new Workload(
            provider.GetRequiredService<ICheckpointClient>(), new Ledger(file), seed, name)
        {
            Pause = TimeSpan.FromMilliseconds(int.Parse(settings["PAUSE_MS"], CultureInfo.InvariantCulture)),
            First = int.Parse(settings["FIRST"], CultureInfo.InvariantCulture),
        }));
        await builder.Build().RunAsync();
        await file.FlushAsync();
        return 0;
    }

    /// <summary>Starts it as a child of the test.</summary>
    /// <param name="lab">The installation.</param>
    /// <param name="ledgerFile">Where it writes its ledger.</param>
    /// <param name="seed">Of its workload.</param>
    /// <param name="name">Of its workload: its streams are named after it.</param>
    /// <param name="pauseMs">How long each writer rests between two steps.</param>
    /// <param name="program">Another build's.</param>
    /// <param name="spoolPath">The file of its spool; null: it has none.</param>
    /// <param name="first">The number of each writer's first operation.</param>
    public static Task<WorkerProcess> StartAsync(
        FaultLab lab,
        string ledgerFile,
        int seed,
        string name,
        int pauseMs = 2,
        string program = Program.FileName,
        string? spoolPath = null,
        int first = 0) => WorkerProcess.StartAsync(
        new Dictionary<string, string?>
        {
            ["FAULT_REDIS"] = lab.Redis.ConnectionString,
            ["FAULT_RABBITMQ"] = lab.RabbitMq.ConnectionString,
            ["FAULT_PREFIX"] = lab.Prefix,
            ["FAULT_PAUSE_MS"] = pauseMs.ToString(CultureInfo.InvariantCulture),
            ["FAULT_FIRST"] = first.ToString(CultureInfo.InvariantCulture),
            ["FAULT_SPOOL"] = spoolPath,
        },
        ["application", ledgerFile, seed.ToString(CultureInfo.InvariantCulture), name],
        program: program);

    /// <summary>Waits until it has got further.</summary>
    public static Task ProgressAsync(string ledgerFile, int operations) => ProgressAsync(ledgerFile, operations, "done\t", "acknowledged");

    /// <summary>Waits until more is in its spool.</summary>
    public static Task SpooledAsync(string ledgerFile, int operations) => ProgressAsync(ledgerFile, operations, $"\t{Ledger.Spooled}\n", "spooled");

    /// <summary>What it has written so far.</summary>
    public static string ReadLedger(string ledgerFile)
    {
        if (!File.Exists(ledgerFile))
        {
            return "";
        }

        using var reader = new StreamReader(new FileStream(ledgerFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    private static Task ProgressAsync(string ledgerFile, int operations, string mark, string what)
    {
        var goal = Count() + operations;
        return FaultLab.UntilAsync(() => Task.FromResult(Count() >= goal), $"{operations} more operations are {what}");

        int Count() => ReadLedger(ledgerFile).AsSpan().Count(mark);
    }

    private sealed class Load(Workload workload) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => workload.RunAsync(stoppingToken);
    }
}
