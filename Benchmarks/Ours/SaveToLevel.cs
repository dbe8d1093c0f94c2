using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>SaveAsync up to one level, so many in flight.</summary>
/// <param name="name">For the table.</param>
/// <param name="options">The level.</param>
/// <param name="inFlight">How many at the same time.</param>
/// <param name="hasWorker">Whether the worker archives meanwhile; it shares the machine's cores with the client.</param>
/// <param name="count">Saves in a round.</param>
/// <param name="quickCount">The same for QUICK.</param>
internal sealed class SaveToLevel(string name, SaveOptions options, int inFlight, bool hasWorker, int count, int quickCount) : IContender
{
    private Installation? _installation;
    private Lab _lab = null!;
    private long _saved;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _installation = await Installation.StartAsync(lab, hasWorker: hasWorker);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var installation = _installation!;
        var state = _lab.State(1024);
        var n = _lab.Count(count, quickCount);
        var sample = await Load.MeasureAsync(n, inFlight, i => Saves.SaveAsync(installation.Client, Saves.Make(i, state), options));
        await installation.Client.FlushAsync();
        _saved += n;
        if (hasWorker)
        {
            await Load.UntilAsync(async () => await installation.Table.CountAsync() == _saved, "everything is archived");
            await installation.VerifyAsync(_saved);
        }
        else
        {
            Expect.Equal(_saved, (await installation.Cache.GetPendingStatsAsync(CancellationToken.None)).Count, "pending marks in Redis");
        }

        return sample;
    }

    public async ValueTask DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }
}
