using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>
/// Once the server listens: makes sure that nobody but this machine can reach the API, which asks nobody who they are,
/// and says where it is and what to try.
/// </summary>
internal sealed class LoopbackListener(IServer server, WorkerParts parts) : IHostedLifecycleService
{
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        foreach (var address in addresses)
        {
            if (!IsLoopback(address))
            {
                throw new InvalidOperationException(
                    $"Urls names {address}; only loopback addresses such as http://127.0.0.1:8470 are allowed, because the API has no authentication.");
            }

            Console.WriteLine($"Listening on {address}");
        }

        if (parts.IsEmbedded && addresses.FirstOrDefault(address => address.StartsWith("http://", StringComparison.Ordinal)) is { } url)
        {
            Console.WriteLine(
                $"""

                Queue and cache are in this process, the archive is {(parts.Postgres is null ? "SQLite" : "PostgreSQL")}. Try, in another terminal:

                  curl -X POST '{url}/executions/demo/checkpoints?node=plan' -H 'Content-Type: application/json' -d '{"{"}"step":1{"}"}'
                  curl '{url}/executions/demo/latest'
                  curl '{url}/executions/demo/checkpoints'

                """);
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static bool IsLoopback(string address)
    {
        var host = BindingAddress.Parse(address).Host;
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip))
            || BindingAddress.Parse(address).IsUnixPipe;
    }
}
