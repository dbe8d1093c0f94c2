using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>
/// From the first save to the last commit in the archive: Queued, 1,024 in flight, Redis and outbox on, a worker process.
/// Every round has a new installation, unless filling it takes long.
/// </summary>
/// <param name="name">For the table.</param>
/// <param name="isSqlite">The archive is SQLite.</param>
/// <param name="stateBytes">The size of a state.</param>
/// <param name="count">Saves in a round.</param>
/// <param name="quickCount">The same for QUICK.</param>
internal sealed class SaveToCommitted(string name, bool isSqlite, int stateBytes, int count, int quickCount) : IContender
{
    // 16 MiB of states: more of them would only wait for Redis, and some longer than the cache timeout.
    private readonly int _inFlight = Math.Min(1024, 16 * 1024 * 1024 / stateBytes);
    private Installation? _kept;
    private Lab _lab = null!;

    public string Name => name;

    /// <summary>Fills the new installation before the round.</summary>
    public Func<Installation, Lab, Task>? Prefill { get; init; }

    /// <summary>Fills one installation and uses it for all rounds.</summary>
    public bool IsKept { get; init; }

    /// <summary>The execution of a save, by number.</summary>
    public Func<int, string> Execution { get; init; } = Rows.Execution;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        if (IsKept)
        {
            _kept = await StartAsync();
        }
    }

    public async Task<Sample> RunAsync()
    {
        if (_kept is not null)
        {
            return await MeasureAsync(_kept);
        }

        await using var installation = await StartAsync();
        return await MeasureAsync(installation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_kept is not null)
        {
            await _kept.DisposeAsync();
        }
    }

    private async Task<Installation> StartAsync()
    {
        var installation = await Installation.StartAsync(_lab, isSqlite);
        if (Prefill is not null)
        {
            await Prefill(installation, _lab);
        }

        return installation;
    }

    private async Task<Sample> MeasureAsync(Installation installation)
    {
        var before = isSqlite ? 0 : await installation.Table.CountAsync();
        var events = isSqlite ? 0 : await installation.CountEventsAsync();

        // The worker has just started: for its first seconds under load a third of its time goes into compiling.
        var n = _lab.Count(count, quickCount);
        var warmUp = Math.Min(n, 100_000);
        await SaveAsync(installation, warmUp, Rows.Execution);
        await CommittedAsync(installation, before + warmUp + 1);

        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var times = ProcessorTimes.Read(_lab, installation.Worker!.Id);
        var started = Stopwatch.GetTimestamp();
        var startedAt = await installation.Table.NowAsync();
        await SaveAsync(installation, n, Execution);
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        var elapsed = await CommittedAsync(installation, before + warmUp + n + 2, started, startedAt);
        await installation.VerifyAsync(events + warmUp + n + 2);
        var settled = Stopwatch.GetElapsedTime(started);
        var timesAfter = ProcessorTimes.Read(_lab, installation.Worker!.Id);

        // For a second: what goes on beside it when everything has just settled is over sooner.
        var loads = await Load.MeasureAsync(_lab.Count(Math.Max(2000, 20 * 1024 * 1024 / stateBytes), 200), 1, i => installation.Client.LoadLatestAsync(Execution(i)));
        var sample = Sample.OfRate(n, elapsed);
        timesAfter.AddTo(sample, times, n);
        return sample
            .With(Metric.MegabytesPerSecond, sample[Metric.Rate] * stateBytes / 1e6)
            .With(Metric.RateSettled, n / settled.TotalSeconds)
            .With(Metric.LoadLatestP50, loads[Metric.P50])
            .With(Metric.Allocated, (double)allocated / n)
            .With(Metric.Megabytes, ProcessMemory.PeakMegabytes(installation.Worker!.Id));
    }

    private async Task SaveAsync(Installation installation, int saves, Func<int, string> execution)
    {
        var state = _lab.State(stateBytes);
        await Load.RunAsync(saves, _inFlight, i => Saves.SaveAsync(
            installation.Client, new Checkpoint { ExecutionId = execution(i), NodeName = "node", State = state }, Saves.Queued));

        // Behind all others on the queue: counting the rows is not worth it before this one is archived.
        var last = Saves.Make(0, state) with { Id = $"last-{Guid.NewGuid():N}" };
        while (true)
        {
            try
            {
                await Saves.SaveAsync(installation.Client, last, Saves.Persisted);
                return;
            }
            catch (CheckpointUnavailableException)
            {
                // The backlog in front of it is longer than a save may take.
            }
        }
    }

    private async Task<TimeSpan> CommittedAsync(Installation installation, long rows, long started = 0, DateTime startedAt = default)
    {
        if (!isSqlite)
        {
            await Load.UntilAsync(async () => await installation.Table.CountAsync() >= rows, "everything is archived");
            Expect.Equal(rows, await installation.Table.CountAsync(), "rows in PostgreSQL");
            return await installation.Table.LastCommitAsync() - startedAt;
        }

        await using SqliteConnection database = SqliteBatches.Open(installation.SqlitePath);
        await Load.UntilAsync(
            () => Task.FromResult(SqliteBatches.Scalar(database, "SELECT max(row_id) FROM checkpoints") >= rows),
            "everything is archived",
            TimeSpan.FromMilliseconds(5));
        return Stopwatch.GetElapsedTime(started);
    }
}
