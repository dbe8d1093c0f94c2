using AsyncCheckpoints.Worker.Hosting;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AsyncCheckpoints.Benchmarks.Micro;

/// <summary>TrySave of 1 KB against an embedded worker; the buffer is emptied between iterations.</summary>
public class TrySaveBenchmarks
{
    private const int Count = 2000;
    private DirectoryInfo _folder = null!;
    private Checkpoint[] _checkpoints = [];
    private IHost _host = null!;
    private ICheckpointClient _client = null!;

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        _folder = Directory.CreateTempSubdirectory("asynccheckpoints-bench-");
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Worker:DataPath"] = _folder.FullName });
        builder.Services.AddCheckpointWorker(builder.Configuration);
        _host = builder.Build();
        await _host.StartAsync();
        _client = _host.Services.GetRequiredService<ICheckpointClient>();
    }

    [IterationSetup]
    public void Fill() => _checkpoints = [.. Enumerable.Range(0, Count).Select(_ => Checkpoints.Make(1024))];

    [IterationCleanup]
    public void Drain() => _client.FlushAsync().GetAwaiter().GetResult();

    [Benchmark(OperationsPerInvoke = Count)]
    public int TrySave()
    {
        var taken = 0;
        foreach (var checkpoint in _checkpoints)
        {
            taken += _client.TrySave(checkpoint) ? 1 : 0;
        }

        return taken;
    }

    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        _folder.Delete(recursive: true);
    }
}
