using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>
/// SaveAsync up to one level, so many in flight. Without a worker every round has a new installation, as the floors have
/// new keys; a worker takes away what it archived, and stays, warm.
/// </summary>
/// <param name="name">For the table.</param>
/// <param name="options">The level.</param>
/// <param name="inFlight">How many at the same time.</param>
/// <param name="hasWorker">Whether the worker archives meanwhile; it shares the machine's cores with the client.</param>
/// <param name="count">Saves in a round.</param>
/// <param name="quickCount">The same for QUICK.</param>
internal sealed class SaveToLevel(string name, SaveOptions options, int inFlight, bool hasWorker, int count, int quickCount) : IContender
{
    private Installation? _kept;
    private Lab _lab = null!;
    private long _saved;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        if (hasWorker)
        {
            _kept = await Installation.StartAsync(lab);
        }

        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        if (_kept is not null)
        {
            return await MeasureAsync(_kept);
        }

        _saved = 0;
        await using var installation = await Installation.StartAsync(_lab, hasWorker: false);
        await SaveAsync(installation, _lab.Count(20_000, 2000));
        return await MeasureAsync(installation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_kept is not null)
        {
            await _kept.DisposeAsync();
        }
    }

    private async Task<Sample> MeasureAsync(Installation installation)
    {
        var n = _lab.Count(count, quickCount);
        var times = ProcessorTimes.Read(_lab, installation.Worker?.Id);
        var sample = await SaveAsync(installation, n);
        if (hasWorker)
        {
            await Load.UntilAsync(async () => await installation.Table.CountAsync() == _saved, "everything is archived");
            await installation.VerifyAsync(_saved);
        }
        else
        {
            Expect.Equal(_saved, (await installation.Cache.GetPendingStatsAsync(CancellationToken.None)).Count, "pending marks in Redis");
        }

        ProcessorTimes.Read(_lab, installation.Worker?.Id).AddTo(sample, times, n);
        return sample;
    }

    private async Task<Sample> SaveAsync(Installation installation, int saves)
    {
        var state = _lab.State(1024);
        var sample = await Load.MeasureAsync(saves, inFlight, i => Saves.SaveAsync(installation.Client, Saves.Make(i, state), options));
        await installation.Client.FlushAsync();
        _saved += saves;
        return sample;
    }
}
