using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Tests.Caching;

/// <summary>A sentinel of a test's own that watches one primary and decides alone.</summary>
internal sealed class RedisSentinel : IAsyncDisposable
{
    /// <summary>What it calls the primary.</summary>
    public const string ServiceName = "main";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sentinel");
    private Process? _process;

    /// <summary>A connection string that asks it for the primary.</summary>
    public string ConnectionString { get; private set; } = "";

    public static async Task<RedisSentinel> StartAsync(string primary)
    {
        var sentinel = new RedisSentinel();
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            sentinel.ConnectionString = $"{free.LocalEndpoint},serviceName={ServiceName}";
            var settings = Path.Combine(sentinel._folder.FullName, "sentinel.conf");
            await File.WriteAllLinesAsync(
                settings,
                [
                    $"port {((IPEndPoint)free.LocalEndpoint).Port}",
                    "bind 127.0.0.1",
                    $"dir {sentinel._folder.FullName}",
                    $"sentinel monitor {ServiceName} {primary.Replace(':', ' ')} 1",
                    $"sentinel down-after-milliseconds {ServiceName} 500",
                    $"sentinel failover-timeout {ServiceName} 5000",
                ]);
            string[] command = [.. ParentDeath.Wrapper, "redis-server", settings, "--sentinel"];
            sentinel._process = new Process { StartInfo = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true } };
        }

        await ParentDeath.RunAsync(sentinel._process.Start);
        _ = sentinel._process.StandardOutput.ReadToEndAsync();
        return sentinel;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _folder.Delete(recursive: true);
    }
}
