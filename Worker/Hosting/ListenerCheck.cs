using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>
/// Refuses to start where others than this machine could reach an API that asks nobody who they are. Once the server
/// listens, says where it is and what to try.
/// </summary>
internal sealed class ListenerCheck(IServer server, WorkerParts parts, ApiAccess access, IConfiguration configuration, ILogger<ListenerCheck> logger)
    : IHostedLifecycleService
{
    /// <summary>Before anything starts: the addresses that the settings name.</summary>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var (setting, address) in ConfiguredAddresses())
        {
            Require(setting, address);
        }

        return Task.CompletedTask;
    }

    /// <summary>Once it listens: the addresses that it has, wherever they come from.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        foreach (var address in addresses)
        {
            Require("The server's address", address);
            Console.WriteLine($"Listening on {address}");
            if (!IsLoopback(address) && address.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
            {
                Log.ListensWithoutTls(logger, address);
            }
        }

        if (parts.IsEmbedded && addresses.FirstOrDefault(address => address.StartsWith("http://", StringComparison.Ordinal)) is { } url)
        {
            var key = access.HasKeys ? " -H \"Authorization: Bearer $CHECKPOINTS_API_KEY\"" : "";
            Console.WriteLine(
                $"""

                Queue and cache are in this process, the archive is {(parts.Postgres is null ? "SQLite" : "PostgreSQL")}. Try, in another terminal:

                  curl{key} -X POST '{url}/executions/demo/checkpoints?node=plan' -H 'Content-Type: application/json' -d '{"{"}"step":1{"}"}'
                  curl{key} '{url}/executions/demo/latest'
                  curl{key} '{url}/executions/demo/checkpoints'

                The dashboard is at {url}/

                """);
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // As Kestrel does: its own endpoints make it overlook Urls.
    private IEnumerable<(string Setting, string Address)> ConfiguredAddresses()
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Where(endpoint => endpoint["Url"] is not null).ToList();
        return endpoints.Count > 0
            ? endpoints.Select(endpoint => ($"{endpoint.Path}:Url", endpoint["Url"]!))
            : (configuration[WebHostDefaults.ServerUrlsKey] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries).Select(address => ("Urls", address));
    }

    private void Require(string setting, string address)
    {
        if (!access.HasKeys && !IsLoopback(address))
        {
            throw new InvalidOperationException(
                $"{setting} is {address}, which other machines can reach; without API keys only loopback addresses such as http://127.0.0.1:8470 are allowed. "
                + "Give a loopback address, or make a key with 'checkpoints api-key create' and configure it (Worker:Http:ApiKeys).");
        }
    }

    private static bool IsLoopback(string address)
    {
        var binding = BindingAddress.Parse(address);
        return binding.IsUnixPipe || ApiAccess.IsLoopback(binding.Host);
    }
}
