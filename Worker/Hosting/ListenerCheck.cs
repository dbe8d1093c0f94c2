using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging.Console;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>
/// Refuses to start where others than this machine could reach an API that asks nobody who they are. Once the server
/// listens, says where it is and what to try.
/// </summary>
internal sealed class ListenerCheck(IServer server, WorkerParts parts, ApiAccess access, IConfiguration configuration, ILogger<ListenerCheck> logger)
    : IHostedLifecycleService
{
    /// <summary>Whether the output is for people: another formatter is for machines, which expect nothing but its lines.</summary>
    private bool IsReadByPeople => string.Equals(
        configuration["Logging:Console:FormatterName"] ?? ConsoleFormatterNames.Simple, ConsoleFormatterNames.Simple, StringComparison.OrdinalIgnoreCase);

    /// <summary>Before anything starts: the addresses that the settings name.</summary>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        Require(FindRefused(configuration, access).FirstOrDefault());
        return Task.CompletedTask;
    }

    /// <summary>Why the addresses that the settings name are refused; nothing when they are not.</summary>
    /// <param name="configuration">The settings.</param>
    /// <param name="access">Who may do what.</param>
    public static IEnumerable<string> FindRefused(IConfiguration configuration, ApiAccess access) =>
        ConfiguredAddresses(configuration).Select(configured => Refuse(configured.Setting, configured.Address, access)).OfType<string>();

    /// <summary>Once it listens: the addresses that it has, wherever they come from.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        foreach (var address in addresses)
        {
            Require(Refuse("The server's address", address, access));
            if (IsReadByPeople)
            {
                Console.WriteLine($"Listening on {address}");
            }

            if (!IsLoopback(address) && address.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
            {
                Log.ListensWithoutTls(logger, address);
            }
        }

        if (IsReadByPeople && parts.IsEmbedded && addresses.FirstOrDefault(address => address.StartsWith("http://", StringComparison.Ordinal)) is { } url)
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
    private static IEnumerable<(string Setting, string Address)> ConfiguredAddresses(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Where(endpoint => endpoint["Url"] is not null).ToList();
        return endpoints.Count > 0
            ? endpoints.Select(endpoint => ($"{endpoint.Path}:Url", endpoint["Url"]!))
            : (configuration[WebHostDefaults.ServerUrlsKey] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries).Select(address => ("Urls", address));
    }

    private static string? Refuse(string setting, string address, ApiAccess access)
    {
        try
        {
            return access.HasKeys || IsLoopback(address)
                ? null
                : $"{setting} is {address}, which other machines can reach; without API keys only loopback addresses such as http://127.0.0.1:8470 are allowed. "
                    + "Give a loopback address, or make a key with 'checkpoints api-key create' and configure it (Worker:Http:ApiKeys).";
        }
        catch (FormatException)
        {
            return $"{setting} is '{address}'; an address such as http://127.0.0.1:8470 is required.";
        }
    }

    private static void Require(string? refusal)
    {
        if (refusal is not null)
        {
            throw new InvalidOperationException(refusal);
        }
    }

    private static bool IsLoopback(string address)
    {
        var binding = BindingAddress.Parse(address);
        return binding.IsUnixPipe || ApiAccess.IsLoopback(binding.Host);
    }
}
