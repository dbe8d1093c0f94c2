using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>
/// From SaveAsync returning Queued to the commit in PostgreSQL, while saves come in steadily at half of the rate that the
/// same installation reaches at most. PostgreSQL's own commit times against the clock of the same machine. Beside it the
/// disk is watched: nothing commits while that stands still.
/// </summary>
/// <param name="name">For the table.</param>
internal sealed class QueuedToCommitted(string name) : IContender
{
    private Installation? _installation;
    private Lab _lab = null!;
    private double _rate;
    private int _round;
    private long _saves;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _installation = await Installation.StartAsync(lab);
        await PeakAsync(lab.Count(20_000, 3000));
        _rate = await PeakAsync(lab.Count(200_000, 15_000)) / 2;
    }

    public async Task<Sample> RunAsync()
    {
        var table = _installation!.Table;
        var round = ++_round;
        var count = (int)(_rate * _lab.Count(20, 3));
        var queued = new long[count];
        await using var probe = new FlushProbe(_lab.Servers.Folder);
        await SaveAsync(count, round, queued);
        await Load.UntilAsync(async () => await CountAsync(round) == count, "everything is archived");
        await probe.StopAsync();

        var latencies = new Latencies(count);
        await using var command = table.Source.CreateCommand($"""
            SELECT version, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint FROM {table.Schema}.checkpoints WHERE node_name = 'round-{round}'
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var read = 0;
        while (await reader.ReadAsync())
        {
            // Committed before the broker's confirm has reached the caller: no wait at all.
            var i = (int)reader.GetInt64(0);
            latencies.Set(i, Math.Max(0, reader.GetInt64(1) - queued[i]));
            read++;
        }

        Expect.Equal(count, read, "commit times");
        await VerifyAsync(count);
        var sample = Sample.Of(latencies).With(Metric.Rate, _rate);
        probe.AddTo(sample);
        return sample;
    }

    public async ValueTask DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }

    /// <summary>Open loop: a save is made when its time has come, whether or not others have returned.</summary>
    private async Task SaveAsync(int count, int round, long[] queued)
    {
        var tasks = new List<Task>(count);
        var started = Stopwatch.GetTimestamp();
        while (tasks.Count < count)
        {
            var due = Math.Min(count, (int)(Stopwatch.GetElapsedTime(started).TotalSeconds * _rate));
            while (tasks.Count < due)
            {
                tasks.Add(SaveOneAsync(tasks.Count));
            }

            await Task.Delay(1);
        }

        await Task.WhenAll(tasks);

        async Task SaveOneAsync(int i)
        {
            var checkpoint = new Checkpoint { ExecutionId = Rows.Execution(i), NodeName = $"round-{round}", Version = i, State = _lab.State(1024) };
            await Saves.SaveAsync(_installation!.Client, checkpoint, Saves.Queued);
            queued[i] = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        }
    }

    private async Task<double> PeakAsync(int count)
    {
        var table = _installation!.Table;
        var before = await table.CountAsync();
        var started = await table.NowAsync();
        await Load.RunAsync(count, 1024, i => Saves.SaveAsync(_installation!.Client, Saves.Make(i, _lab.State(1024)), Saves.Queued));
        await Load.UntilAsync(async () => await table.CountAsync() == before + count, "everything is archived");
        var rate = count / (await table.LastCommitAsync() - started).TotalSeconds;
        await VerifyAsync(count);
        return rate;
    }

    /// <summary>What comes next does not share the machine with what these left to do.</summary>
    private Task VerifyAsync(int saves) => _installation!.VerifyAsync(_saves += saves);

    private Task<long> CountAsync(int round) => _installation!.Table.ScalarAsync<long>(
        $"SELECT count(*) FROM {_installation.Table.Schema}.checkpoints WHERE node_name = 'round-{round}'");
}
