using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class SilentBrokerTests
{
    /// <summary>As when its machine loses power: heartbeats tell both, client and worker. RabbitMQ's own would take two minutes.</summary>
    [Fact]
    public async Task Save_BrokerGoneWithoutAWord_GoesTheWholeWayAgain()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var deployment = new Deployment(ArchiveKind.Sqlite) { ["ConnectionStrings:RabbitMq"] = broker.ConnectionString };
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync(options =>
        {
            options.BrokerTimeout = TimeSpan.FromSeconds(2);
            options.SaveTimeout = TimeSpan.FromSeconds(4);
        });
        await Deployment.UntilAsync(IsPersistedAsync, "a save goes the whole way");

        broker.Forsake();
        (await IsPersistedAsync()).ShouldBeFalse();
        await Deployment.UntilAsync(IsPersistedAsync, "a save goes the whole way again", TimeSpan.FromSeconds(90));

        async Task<bool> IsPersistedAsync()
        {
            try
            {
                await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Persisted });
                return true;
            }
            catch (CheckpointUnavailableException)
            {
                return false;
            }
        }
    }
}
