using System.Diagnostics;
using System.Globalization;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>
/// What a client adds to its process when Redis and the broker hang and its buffer fills up: its peak in a process of its
/// own, less what the same process held with an idle client.
/// </summary>
/// <param name="name">For the table.</param>
internal sealed class SdkMemory(string name) : IContender
{
    public const string Verb = "sdk-memory";
    public const int BufferMegabytes = 64;
    private const ServerKind Hanging = ServerKind.Redis | ServerKind.RabbitMq;
    private Lab _lab = null!;

    public string Name => name;

    public Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        return Task.CompletedTask;
    }

    public async Task<Sample> RunAsync()
    {
        var prefix = $"b{Guid.NewGuid():N}"[..20];
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(host, [typeof(SdkMemory).Assembly.Location, Verb, _lab.Servers.Redis, _lab.Servers.RabbitMq, prefix])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            },
        };
        process.Start();
        try
        {
            var idle = await ReadAsync(process);
            await _lab.Servers.PauseAsync(Hanging);
            await process.StandardInput.WriteLineAsync();
            await process.StandardInput.FlushAsync();
            var peak = await ReadAsync(process);
            return new Sample().With(Metric.Megabytes, peak - idle);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            await _lab.Servers.ResumeAsync(Hanging);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The process of its own.</summary>
    /// <param name="arguments">Verb, Redis, RabbitMQ, prefix.</param>
    public static async Task RunChildAsync(string[] arguments)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddAsyncCheckpoints(options =>
        {
            (options.Redis, options.RabbitMq, options.Prefix) = (arguments[1], arguments[2], arguments[3]);
            (options.MaxBufferedBytes, options.MaxBufferedItems) = (BufferMegabytes * 1024L * 1024, 10_000_000);
        });
        using var host = builder.Build();
        await host.StartAsync();
        var client = host.Services.GetRequiredService<ICheckpointClient>();
        await Load.RunAsync(2000, 64, i => Saves.SaveAsync(client, Saves.Make(i, new byte[1024]), Saves.Queued));
        GC.Collect();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ProcessMemory.Megabytes(Environment.ProcessId)}"));
        await Console.In.ReadLineAsync();
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(5); i++)
        {
            if (!client.TrySave(Saves.Make(i, new byte[1024])))
            {
                await Task.Delay(1);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ProcessMemory.PeakMegabytes(Environment.ProcessId)}"));
        await Console.In.ReadLineAsync();
    }

    private static async Task<double> ReadAsync(Process process)
    {
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return double.Parse(line ?? throw new InvalidOperationException("The client's process has ended."), CultureInfo.InvariantCulture);
    }
}
