using System.Globalization;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// The long soak of <c>make chaos</c>: an application and two workers as processes, and one random fault after another
/// from the seed, until the time is over. Two of three applications have a spool, and go on with what those before them left
/// there. Then everything is healed, settles, and is compared with the ledger.
/// </summary>
internal sealed class Chaos : IAsyncDisposable
{
    private readonly FaultLab _lab;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-chaos-");
    private readonly WorkerProcess[] _workers = new WorkerProcess[2];
    private readonly List<(string Name, Func<Task> Inject)> _faults;
    private readonly List<string> _generations = [];
    private WorkerProcess _application = null!;

    private Chaos(FaultLab lab)
    {
        _lab = lab;
        _faults =
        [
            ("kill a worker", () => ReplaceWorkerAsync(isKilled: true)),
            ("kill a worker", () => ReplaceWorkerAsync(isKilled: true)),
            ("terminate a worker", () => ReplaceWorkerAsync(isKilled: false)),
            ("stop a worker for a while", StopWorkerAsync),
            ("kill the application", () => ReplaceApplicationAsync(isKilled: true)),
            ("terminate the application", () => ReplaceApplicationAsync(isKilled: false)),
            ("kill the application while it is cut from the broker", () => ReplaceCutApplicationAsync(lab.RabbitMq)),
            ("kill the application while it is cut from Redis and the broker", () => ReplaceCutApplicationAsync(lab.RabbitMq, lab.Redis)),
            ("kill Redis", () => RestartAsync(ServerKind.Redis)),
            ("kill and empty Redis", EmptyRedisAsync),
            ("stop Redis for a while", () => PauseAsync(ServerKind.Redis)),
            ("kill the broker", () => RestartAsync(ServerKind.RabbitMq)),
            ("stop the broker for a while", () => PauseAsync(ServerKind.RabbitMq)),
            ("kill PostgreSQL", () => RestartAsync(ServerKind.Postgres)),
            ("stop PostgreSQL for a while", () => PauseAsync(ServerKind.Postgres)),
            ("cut the application from Redis", () => CutAsync(lab.Redis)),
            ("cut the application from the broker", () => CutAsync(lab.RabbitMq)),
            ("cut the workers from PostgreSQL", () => CutAsync(lab.Postgres)),
            ("freeze the application's connection to Redis", () => FreezeAsync(lab.Redis)),
            ("freeze the application's connection to the broker", () => FreezeAsync(lab.RabbitMq)),
            ("freeze the workers' connections to PostgreSQL", () => FreezeAsync(lab.Postgres)),
            ("slow down the application's connection to Redis", () => SlowAsync(lab.Redis)),
            ("slow down the application's connection to the broker", () => SlowAsync(lab.RabbitMq)),
            ("slow down the workers' connections to PostgreSQL", () => SlowAsync(lab.Postgres)),
        ];
    }

    private string SpoolPath => Path.Combine(_folder.FullName, "spool.db");

    public static async Task<int> RunAsync(int seed, TimeSpan duration)
    {
        await using var servers = await ServerSet.StartAsync(ServerKind.All, new ServerSettings { RedisAppendFsync = "always" });
        await using var lab = await FaultLab.StartAsync(servers, seed, Console.WriteLine);
        await using var chaos = new Chaos(lab);
        var injected = await chaos.InjectAsync(duration);
        var verdict = await chaos.FinishAsync();
        Console.WriteLine(verdict);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"seed {seed}, {duration.TotalMinutes:0.#} min: {verdict.Acknowledged} acknowledged, {verdict.Archived} archived, {verdict.Lost} lost, {verdict.Duplicated} duplicated, {verdict.Resurrected} resurrected, {injected} faults injected; {(verdict.IsClean ? "clean" : "NOT clean")}"));
        return verdict.IsClean ? 0 : 1;
    }

    public async ValueTask DisposeAsync()
    {
        if (_application is not null)
        {
            await _application.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private async Task<int> InjectAsync(TimeSpan duration)
    {
        _workers[0] = await _lab.StartWorkerAsync();
        _workers[1] = await _lab.StartWorkerAsync();
        await StartApplicationAsync();
        var started = TimeProvider.System.GetTimestamp();
        var injected = 0;
        while (TimeProvider.System.GetElapsedTime(started) < duration)
        {
            await WaitAsync(500, 4000);
            await RestartEndedAsync();
            var (name, inject) = _faults[_lab.Random.Next(_faults.Count)];
            _lab.Timeline.Note($"fault {++injected}: {name}");
            await inject();
        }

        return injected;
    }

    private async Task<Verdict> FinishAsync()
    {
        await WaitAsync(2000, 2001);
        await RestartEndedAsync();
        await EndApplicationAsync(isKilled: false);

        // The last application may have had no spool, or not the time to drain it.
        var client = await _lab.StartClientAsync(addServices: services => services.AddCheckpointSpool(options => options.SpoolPath = SpoolPath));
        var spool = client.Services.GetRequiredService<ICommandSpool>();
        await FaultLab.UntilAsync(async () => (await spool.PeekAsync(1)).Count == 0, "the spool is drained");
        return await _lab.InspectAsync(client);
    }

    private Task WaitAsync(int minimumMs = 200, int maximumMs = 6000) => Task.Delay(_lab.Random.Next(minimumMs, maximumMs));

    private async Task StartApplicationAsync()
    {
        var name = $"app{_generations.Count}";
        _generations.Add(name);
        _application = await FaultApplication.StartAsync(
            _lab,
            Path.Combine(_folder.FullName, name),
            _lab.Seed + _generations.Count,
            name,
            pauseMs: 20,
            spoolPath: _generations.Count % 3 == 0 ? null : SpoolPath);
    }

    private async Task EndApplicationAsync(bool isKilled)
    {
        if (isKilled)
        {
            _application.Kill();
        }
        else
        {
            _application.Terminate();
        }

        var code = await _application.WaitForExitAsync(FaultLab.Patience);
        _lab.Ledger.Add(FaultApplication.ReadLedger(Path.Combine(_folder.FullName, _generations[^1])));
        if (code != 0)
        {
            _lab.Ledger.ForgetBuffered(_generations[^1] + ".");
        }

        _lab.Timeline.Note(
            $"application ended with {code}; {_lab.Ledger.Acknowledged} acknowledged so far, {_lab.Ledger.Snapshot().Count(operation => operation.IsSpooled)} in a spool");
        if (!isKilled && code != 0)
        {
            throw new InvalidOperationException($"The application ended with {code}:\n{string.Join('\n', _application.Lines.TakeLast(30))}");
        }

        await _application.DisposeAsync();
    }

    private async Task ReplaceApplicationAsync(bool isKilled)
    {
        await EndApplicationAsync(isKilled);
        await StartApplicationAsync();
    }

    private async Task ReplaceCutApplicationAsync(params TcpProxy[] proxies)
    {
        await Task.WhenAll(proxies.Select(proxy => proxy.CutAsync()));
        await WaitAsync();
        await ReplaceApplicationAsync(isKilled: true);
        Array.ForEach(proxies, proxy => proxy.Restore());
    }

    private async Task ReplaceWorkerAsync(bool isKilled)
    {
        var index = _lab.Random.Next(_workers.Length);
        if (!isKilled)
        {
            await _lab.EndAsync(_workers[index]);
        }

        await ReplaceAsync(index);
    }

    /// <summary>What a supervisor does. Whether the worker had a reason to end is for the audit.</summary>
    private async Task RestartEndedAsync()
    {
        for (var index = 0; index < _workers.Length; index++)
        {
            if (_workers[index].HasExited)
            {
                await ReplaceAsync(index);
            }
        }
    }

    private async Task ReplaceAsync(int index)
    {
        await _lab.KillAsync(_workers[index]);
        _workers[index] = await _lab.StartWorkerAsync(wait: false);
    }

    private async Task StopWorkerAsync()
    {
        var worker = _workers[_lab.Random.Next(_workers.Length)];
        worker.Stop();
        await WaitAsync();
        worker.Continue();
    }

    private async Task RestartAsync(ServerKind kind)
    {
        await _lab.Servers.KillAsync(kind);
        await WaitAsync();
        await _lab.Servers.StartAsync(kind);
    }

    private async Task EmptyRedisAsync()
    {
        _lab.AtRisk.UnionWith(_generations);
        await _lab.Servers.KillAsync(ServerKind.Redis);
        await _lab.Servers.WipeAsync(ServerKind.Redis);
        await WaitAsync();
        await _lab.Servers.StartAsync(ServerKind.Redis);
    }

    private async Task PauseAsync(ServerKind kind)
    {
        await _lab.Servers.PauseAsync(kind);
        await WaitAsync();
        await _lab.Servers.ResumeAsync(kind);
    }

    private async Task CutAsync(TcpProxy proxy)
    {
        await proxy.CutAsync();
        await WaitAsync();
        proxy.Restore();
    }

    private async Task FreezeAsync(TcpProxy proxy)
    {
        proxy.Freeze();
        await WaitAsync();
        proxy.Thaw();
    }

    private async Task SlowAsync(TcpProxy proxy)
    {
        proxy.Delay = TimeSpan.FromMilliseconds(_lab.Random.Next(20, 1500));
        await WaitAsync();
        proxy.Delay = TimeSpan.Zero;
    }
}
