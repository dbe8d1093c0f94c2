using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Samples.Agent;

/// <summary>A client and what it needs to live: nothing over HTTP, a host with the SDK.</summary>
internal sealed class Connection(ICheckpointClient client, Func<ValueTask> close) : IAsyncDisposable
{
    public ICheckpointClient Client { get; } = client;

    public static async Task<Connection> OpenAsync(AgentOptions options)
    {
        if (options.Worker is { } worker)
        {
            var http = new HttpClient { BaseAddress = worker };
            return new Connection(new HttpCheckpointClient(http), () =>
            {
                http.Dispose();
                return ValueTask.CompletedTask;
            });
        }

        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddAsyncCheckpoints(o =>
        {
            o.Redis = builder.Configuration["ConnectionStrings:Redis"];
            o.RabbitMq = builder.Configuration["ConnectionStrings:RabbitMq"];
        });
        var host = builder.Build();
        await host.StartAsync();
        return new Connection(host.Services.GetRequiredService<ICheckpointClient>(), async () =>
        {
            await host.StopAsync();
            host.Dispose();
        });
    }

    public ValueTask DisposeAsync() => close();
}
