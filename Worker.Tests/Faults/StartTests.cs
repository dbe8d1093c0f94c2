using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class StartTests(FaultServers servers)
{
    /// <summary>SIGTERM cancels the start; an exception would end the process as if it had crashed.</summary>
    [Fact]
    public Task Start_CancelledWhileRedisDoesNotAnswer_IsNoFailure() => FaultLab.RunAsync(servers.Set, 3905, async lab =>
    {
        lab.Redis.Freeze();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = lab.Redis.ConnectionString;
            options.RabbitMq = lab.RabbitMq.ConnectionString;
            options.Prefix = lab.Prefix;
            options.CacheTimeout = TimeSpan.FromSeconds(30);
        });
        using var host = builder.Build();
        var service = host.Services.GetServices<IHostedService>().OfType<CheckpointClientService>().Single();
        using var stop = new CancellationTokenSource();
        var starting = service.StartAsync(stop.Token);
        starting.IsCompleted.ShouldBeFalse();
        await stop.CancelAsync();
        await starting.WaitAsync(FaultLab.Patience);
    });
}
