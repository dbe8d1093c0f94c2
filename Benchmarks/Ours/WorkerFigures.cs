using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>The most that a worker holds while it takes off a backlog.</summary>
/// <param name="name">For the table.</param>
internal sealed class WorkerBacklog(string name) : IContender
{
    private Lab _lab = null!;

    public string Name => name;

    public Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        return Task.CompletedTask;
    }

    public async Task<Sample> RunAsync()
    {
        await using var installation = await Installation.StartAsync(_lab, hasWorker: false);
        var n = _lab.Count(1_000_000, 30_000);
        await Load.RunAsync(n, 1024, i => Saves.SaveAsync(installation.Client, Saves.Make(i, _lab.State(1024)), Saves.Queued));
        var started = await installation.Table.NowAsync();
        await installation.StartWorkerAsync();
        await Load.UntilAsync(
            async () => await installation.Table.CountAsync() == n, "the backlog is archived", TimeSpan.FromMilliseconds(_lab.Count(2000, 100)));
        await installation.VerifyAsync(n);
        return Sample.OfRate(n, await installation.Table.LastCommitAsync() - started)
            .With(Metric.Megabytes, ProcessMemory.PeakMegabytes(installation.Worker!.Id));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The processor time that a worker takes with nothing to do.</summary>
/// <param name="name">For the table.</param>
internal sealed class IdleWorker(string name) : IContender
{
    private Installation? _installation;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _installation = await Installation.StartAsync(lab);
        await Saves.SaveAsync(_installation.Client, Saves.Make(0, lab.State(1024)), Saves.Persisted);

        // So long a worker that has just started still compiles what it runs.
        await Task.Delay(TimeSpan.FromSeconds(lab.Count(90, 3)));
    }

    public async Task<Sample> RunAsync()
    {
        var id = _installation!.Worker!.Id;
        var before = ProcessMemory.ProcessorTime(id);
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(_lab.Count(30, 3)));
        var share = (ProcessMemory.ProcessorTime(id) - before) / Stopwatch.GetElapsedTime(started);
        return new Sample().With(Metric.Cpu, share * 100).With(Metric.Megabytes, ProcessMemory.Megabytes(id));
    }

    public async ValueTask DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }
}

/// <summary>From the start of the embedded worker's process, in an empty folder, to its answer that it is ready.</summary>
/// <param name="name">For the table.</param>
internal sealed class ColdStart(string name) : IContender
{
    public string Name => name;

    public Task PrepareAsync(Lab lab) => Task.CompletedTask;

    public async Task<Sample> RunAsync()
    {
        var started = Stopwatch.GetTimestamp();
        await using var worker = await WorkerProcess.StartAsync();
        await WorkerReadiness.WaitAsync(worker);
        return new Sample().With(Metric.Seconds, Stopwatch.GetElapsedTime(started).TotalSeconds)
            .With(Metric.Megabytes, ProcessMemory.Megabytes(worker.Id));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
