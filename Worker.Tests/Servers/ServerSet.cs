using System.Diagnostics;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>
/// A test's own servers, made by infra/servers.sh. Ports and data stay the same over kill and start; a guard removes
/// everything when the test process has gone.
/// </summary>
internal sealed class ServerSet : IAsyncDisposable
{
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(240);

    private readonly string _directory;
    private readonly ServerSettings _settings;
    private Dictionary<string, string> _connectionStrings = [];

    private ServerSet(string directory, ServerSettings settings)
    {
        _directory = directory;
        _settings = settings;
    }

    /// <summary>Where data, logs and process ids lie.</summary>
    public string Folder => _directory;

    public string Redis => Of("Redis");

    public string RabbitMq => Of("RabbitMq");

    public string Postgres => Of("Postgres");

    public static async Task<ServerSet> StartAsync(ServerKind kinds, ServerSettings? settings = null)
    {
        // A folder directly below the temporary one, and open to others: PostgreSQL drops to its own account.
        var directory = Path.Combine(Path.GetTempPath(), $"asynccheckpoints-{Guid.NewGuid():N}");
        var servers = new ServerSet(directory, settings ?? new());
        try
        {
            await servers.RunAsync("guard", $"{Environment.ProcessId}");
            await servers.StartAsync(kinds);
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts what is down, on the same port with the same data; returns when it answers.</summary>
    public async Task StartAsync(ServerKind kinds)
    {
        await RunAsync("start", kinds);
        var lines = await File.ReadAllLinesAsync(Path.Combine(_directory, "servers.env"));
        _connectionStrings = lines.Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim('\''));
    }

    /// <summary>SIGKILL; returns when the processes have gone.</summary>
    public Task KillAsync(ServerKind kinds) => RunAsync("kill", kinds);

    /// <summary>An orderly shutdown.</summary>
    public Task StopAsync(ServerKind kinds) => RunAsync("stop", kinds);

    /// <summary>SIGSTOP: connections stay open and nothing answers.</summary>
    public Task PauseAsync(ServerKind kinds) => RunAsync("pause", kinds);

    public Task ResumeAsync(ServerKind kinds) => RunAsync("resume", kinds);

    /// <summary>Deletes the data of a server that is down.</summary>
    public Task WipeAsync(ServerKind kinds) => RunAsync("wipe", kinds);

    /// <summary>Administers the broker.</summary>
    public Task RabbitMqCtlAsync(params string[] arguments) => RunAsync("rabbitmqctl", arguments);

    public async ValueTask DisposeAsync() => await RunAsync("destroy");

    private string Of(string name) =>
        _connectionStrings.TryGetValue($"ConnectionStrings__{name}", out var value)
            ? value
            : throw new InvalidOperationException($"{name} is not among the servers that were started.");

    private Task RunAsync(string verb, ServerKind kinds)
    {
        // No name means all to the script, which is not what an empty set means.
        ArgumentOutOfRangeException.ThrowIfEqual((int)kinds, 0, nameof(kinds));
        return RunAsync(verb, [.. new[] { ServerKind.Redis, ServerKind.RabbitMq, ServerKind.Postgres }
            .Where(kind => kinds.HasFlag(kind)).Select(kind => kind.ToString().ToLowerInvariant())]);
    }

    private async Task RunAsync(string verb, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Infrastructure.Script, verb, _directory, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["REDIS_APPENDFSYNC"] = _settings.RedisAppendFsync,
                ["REDIS_ARGS"] = _settings.RedisArguments,
                ["REDIS_ENV"] = _settings.RedisEnvironment,
                ["RABBITMQ_EXTRA_CONFIG"] = _settings.RabbitMqConfiguration,
                ["POSTGRES_ARGS"] = _settings.PostgresArguments,
            },
        };
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(CommandTimeout);
        try
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var error = await process.StandardError.ReadToEndAsync(timeout.Token);
            await output;
            await process.WaitForExitAsync(timeout.Token);
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"servers.sh {verb} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error}");
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"servers.sh {verb} {string.Join(' ', arguments)} took more than {CommandTimeout}.");
        }
    }
}
