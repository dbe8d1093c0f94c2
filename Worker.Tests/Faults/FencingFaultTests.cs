using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class FencingFaultTests(FaultServers servers)
{
    private const int Rounds = 10_000;

    [Fact]
    public Task Race_TwoWritersExpectingTheSameLatest_ExactlyOneWinsEachRound() => FaultLab.RunAsync(servers.Set, 3701, async lab =>
    {
        await lab.StartWorkerAsync();
        var hosts = new[] { await lab.StartClientAsync(FaultLab.GiveTime), await lab.StartClientAsync(FaultLab.GiveTime) };
        var writers = hosts.Select(FaultLab.ClientOf).ToArray();
        var latest = SaveOptions.EmptyStream;
        var winners = new List<string>(Rounds);
        for (var round = 0; round < Rounds; round++)
        {
            var options = new SaveOptions { Durability = Durability.Cached, ExpectedLatestId = latest };
            var won = await Task.WhenAll(writers.Select((client, writer) => Task.Run(() => TryAsync(client, $"{round}-{writer}", options))));
            won.Count(result => result is not null).ShouldBe(1, $"round {round}, latest '{latest}'");
            latest = won.Single(result => result is not null)!;
            winners.Add(latest);
        }

        // The archive has the same chain: no loser has slipped in.
        await lab.SettleAsync(hosts[0]);
        var page = await lab.Archive.FindAsync(
            new CheckpointQuery { ExecutionId = "race", Limit = CheckpointQuery.MaxLimit, OldestFirst = true }, null, null, long.MaxValue, default);
        var archived = page.Items.ToList();
        while (page.HasMore)
        {
            page = await lab.Archive.FindAsync(
                new CheckpointQuery { ExecutionId = "race", Limit = CheckpointQuery.MaxLimit, OldestFirst = true },
                null, Contracts.ListPosition.Of(archived[^1]), long.MaxValue, default);
            archived.AddRange(page.Items);
        }

        archived.Select(item => item.Id).ShouldBe(winners);
    });

    private static async Task<string?> TryAsync(ICheckpointClient client, string id, SaveOptions options)
    {
        try
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = "race", Id = id }, options);
            return id;
        }
        catch (CheckpointConflictException)
        {
            return null;
        }
    }
}
