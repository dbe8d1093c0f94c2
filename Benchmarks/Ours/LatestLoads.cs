using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>LoadLatest, one at a time: from Redis, or from the archive through the worker when Redis has lost everything.</summary>
/// <param name="name">For the table.</param>
/// <param name="isArchived">Redis is emptied before each round.</param>
internal sealed class LatestLoads(string name, bool isArchived) : IContender
{
    private Installation? _installation;
    private Lab _lab = null!;

    public string Name => name;

    /// <summary>Saves more before the first round.</summary>
    public Func<Installation, Lab, Task>? Prefill { get; init; }

    /// <summary>The execution of a load, by number.</summary>
    public Func<int, string> Execution { get; init; } = Rows.Execution;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _installation = await Installation.StartAsync(lab);
        await Load.RunAsync(Lab.Executions, 256, i => Saves.SaveAsync(_installation.Client, Saves.Make(i, lab.State(1024)), Saves.Persisted));
        if (Prefill is not null)
        {
            await Prefill(_installation, lab);
        }

        await _installation.VerifyAsync(await _installation.Table.CountAsync());
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var installation = _installation!;
        if (isArchived)
        {
            // The record of the layout stays: a Redis without it would be another Redis.
            await installation.ForgetCacheAsync();
        }

        var expected = _lab.State(1024);
        return await Load.MeasureAsync(isArchived ? _lab.Count(Lab.Executions, 300) : _lab.Count(50_000, 5000), 1, async i =>
        {
            var loaded = await installation.Client.LoadLatestAsync(Execution(i));
            if (loaded is null || !loaded.State.Span.SequenceEqual(expected))
            {
                throw new InvalidOperationException($"{Execution(i)} was not loaded as it was saved.");
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }
}
