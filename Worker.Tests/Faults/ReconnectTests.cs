using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>Many clients whose servers go and come back: no storm of connections, neither meanwhile nor then.</summary>
[Collection(FaultTestGroup.Name)]
public sealed class ReconnectTests(FaultServers servers)
{
    private const int Clients = 20;
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(8);

    [Fact]
    public Task Kill_ServersOfManyClients_TheyComeBackWithoutAStorm() => FaultLab.RunAsync(servers.Set, 3907, async lab =>
    {
        var clients = new List<ICheckpointClient>();
        for (var i = 0; i < Clients; i++)
        {
            clients.Add(FaultLab.ClientOf(await lab.StartClientAsync()));
        }

        await AllSaveAsync();
        var (redis, broker) = (lab.Redis.Accepted, lab.RabbitMq.Accepted);
        lab.Timeline.Note($"{redis} connections to Redis, {broker} to the broker");
        await servers.Set.KillAsync(ServerKind.Redis | ServerKind.RabbitMq);

        // The proxies take every attempt to connect, and end it.
        var meanwhile = await AttemptsAsync("while both are away", () => Task.WhenAll(clients.Select(FailForAWhileAsync)));
        (meanwhile.Redis / (redis * meanwhile.Seconds)).ShouldBeInRange(0.01, 2, "attempts in a second for each connection to Redis");
        (meanwhile.Broker / (broker * meanwhile.Seconds)).ShouldBeInRange(0.01, 2, "attempts in a second for each connection to the broker");

        await servers.Set.StartAsync(ServerKind.Redis | ServerKind.RabbitMq);
        var after = await AttemptsAsync("after both are back", AllSaveAsync);
        after.Redis.ShouldBeLessThanOrEqualTo(4 * redis);
        after.Broker.ShouldBeLessThanOrEqualTo(4 * broker);

        async Task<(int Redis, int Broker, double Seconds)> AttemptsAsync(string when, Func<Task> happening)
        {
            var (redisBefore, brokerBefore) = (lab.Redis.Accepted, lab.RabbitMq.Accepted);
            var since = TimeProvider.System.GetTimestamp();
            await happening();
            var attempts = (
                Redis: lab.Redis.Accepted - redisBefore, Broker: lab.RabbitMq.Accepted - brokerBefore, TimeProvider.System.GetElapsedTime(since).TotalSeconds);
            lab.Timeline.Note($"attempts {when}: {attempts.Redis} to Redis, {attempts.Broker} to the broker in {attempts.TotalSeconds:F1} s");
            return attempts;
        }

        Task AllSaveAsync() => Task.WhenAll(clients.Select((client, i) => FaultLab.UntilAsync(
            async () => (await client.SaveAsync(new Checkpoint { ExecutionId = $"e-{i}" })) is { Cached: true, Reached: Durability.Queued },
            $"client {i} saves to both")));
    });

    private static async Task FailForAWhileAsync(ICheckpointClient client)
    {
        using var over = new CancellationTokenSource(Outage);
        while (!over.IsCancellationRequested)
        {
            await Should.ThrowAsync<CheckpointUnavailableException>(() => client.SaveAsync(new Checkpoint { ExecutionId = "meanwhile" }));
            await Task.Delay(10, CancellationToken.None);
        }
    }
}
