using System.Diagnostics;

namespace AsyncCheckpoints.Tests.Caching;

/// <summary>A Redis of a test's own, which it may stop and break.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("redis").FullName, "servers");

    /// <summary>The connection string of the Redis that the tests share.</summary>
    public static string Shared => Environment.GetEnvironmentVariable("ASYNCCHECKPOINTS_TEST_REDIS")
        ?? throw new InvalidOperationException("ASYNCCHECKPOINTS_TEST_REDIS is not set: run the tests with `make test`, which starts a server.");

    /// <summary>Its connection string; the same over restarts.</summary>
    public string ConnectionString { get; private set; } = "";

    public static async Task<RedisServer> StartAsync()
    {
        var server = new RedisServer();
        await server.RunAsync("start");
        server.ConnectionString = $"127.0.0.1:{(await File.ReadAllTextAsync(Path.Combine(server._folder, "redis.port"))).Trim()}";
        return server;
    }

    /// <summary>start, kill, pause or resume.</summary>
    public async Task RunAsync(string verb)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "infra", "servers.sh")))
        {
            root = root.Parent ?? throw new InvalidOperationException($"There is no infra/servers.sh above {AppContext.BaseDirectory}.");
        }

        string[] arguments = [verb, _folder, .. verb == "destroy" ? Array.Empty<string>() : ["redis"]];
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(root.FullName, "infra", "servers.sh"), arguments))!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"servers.sh {verb} ended with {process.ExitCode}.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("destroy");
        Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);
    }
}
