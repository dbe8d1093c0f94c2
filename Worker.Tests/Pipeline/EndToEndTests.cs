using System.Text;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class EndToEndTests
{
    [Theory]
    [InlineData(ArchiveKind.Sqlite, true)]
    [InlineData(ArchiveKind.Sqlite, false)]
    [InlineData(ArchiveKind.Postgres, false)]
    public async Task SaveAsync_Persisted_IsInArchiveAndCache(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var saved = await client.SaveAsync(
            new Checkpoint
            {
                ExecutionId = "run-1",
                NodeName = "plan",
                Version = 7,
                State = Encoding.UTF8.GetBytes("{\"step\":1}"),
                ContentType = "application/json",
                Metadata = JsonElement.Parse("{\"user\":\"ann\"}"),
            },
            new SaveOptions { Durability = Durability.Persisted });

        saved.Reached.ShouldBe(Durability.Persisted);
        saved.Cached.ShouldBeTrue();
        var archived = (await Deployment.ArchivedAsync(worker, "run-1")).ShouldHaveSingleItem();
        archived.Key.ShouldBe(saved.Key);
        archived.Sequence.ShouldBe(saved.Sequence);
        var loaded = (await client.LoadAsync(saved.Key)).ShouldNotBeNull();
        loaded.State.ToArray().ShouldBe(Encoding.UTF8.GetBytes("{\"step\":1}"));
        loaded.NodeName.ShouldBe("plan");
        loaded.Version.ShouldBe(7);
        (await client.LoadLatestAsync("run-1")).ShouldNotBeNull().Id.ShouldBe(saved.Key.Id);
        (await client.ExistsAsync(saved.Key)).ShouldBeTrue();
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "run-1" })).Items.Count.ShouldBe(1);
        (await client.ListExecutionsAsync()).Items.ShouldBe(["run-1"]);
        await Deployment.UntilAsync(
            async () => (await Deployment.CacheOf(worker).GetPendingStatsAsync(CancellationToken.None)).Count == 0, "the pending mark is settled");
    }

    [Theory]
    [InlineData(ArchiveKind.Sqlite, true)]
    [InlineData(ArchiveKind.Sqlite, false)]
    [InlineData(ArchiveKind.Postgres, false)]
    public async Task DeleteAsync_AndClearAsync_ExcludeFromEverything(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var keys = new List<CheckpointKey>();
        foreach (var execution in new[] { "a", "a", "a", "b" })
        {
            keys.Add((await client.SaveAsync(new Checkpoint { ExecutionId = execution, State = new byte[] { 1 } })).Key);
        }

        (await client.DeleteAsync(keys[2], Durability.Persisted)).ShouldBe(Durability.Persisted);
        (await client.LoadAsync(keys[2])).ShouldBeNull();
        (await client.LoadLatestAsync("a")).ShouldNotBeNull().Id.ShouldBe(keys[1].Id);
        (await Deployment.ArchivedAsync(worker, "a")).Select(checkpoint => checkpoint.Id).ShouldBe([keys[1].Id, keys[0].Id]);

        (await client.ClearAsync("a", Durability.Persisted)).ShouldBe(Durability.Persisted);
        (await client.LoadLatestAsync("a")).ShouldBeNull();
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "a", Namespace = null })).Items.ShouldBeEmpty();
        (await client.ListExecutionsAsync()).Items.ShouldBe(["b"]);
        (await client.LoadLatestAsync("b")).ShouldNotBeNull();

        var again = await client.SaveAsync(new Checkpoint { ExecutionId = "a", Id = keys[0].Id, State = new byte[] { 2 } });
        (await client.LoadLatestAsync("a")).ShouldNotBeNull().Sequence.ShouldBe(again.Sequence);
    }

    [Fact]
    public async Task SaveAsync_BeforeAnyWorkerHasRun_IsArchivedOnceOneStarts()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var client = await deployment.CreateClientAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => client.SaveAsync(
            new Checkpoint { ExecutionId = "early", Version = i, State = Encoding.UTF8.GetBytes($"{i}") })));
        results.ShouldAllBe(result => result.Reached == Durability.Queued);

        var worker = await deployment.StartWorkerAsync();
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "early")).Count == 1000, "all are archived");
        (await Deployment.ArchivedAsync(worker, "early")).Select(checkpoint => checkpoint.Id)
            .ShouldBe(results.OrderByDescending(result => result.Sequence).Select(result => result.Key.Id));
    }

    [Fact]
    public async Task TrySave_ManyFromOneThread_KeepsTheirOrder()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        for (var i = 0; i < 5000; i++)
        {
            client.TrySave(new Checkpoint { ExecutionId = "hot", Version = i, State = new byte[100] }).ShouldBeTrue();
        }

        await client.FlushAsync();
        (await client.LoadLatestAsync("hot")).ShouldNotBeNull().Version.ShouldBe(4999);
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "hot")).Count == 5000, "all are archived");
        var versions = (await Deployment.ArchivedAsync(worker, "hot")).Select(checkpoint => checkpoint.Version).ToList();
        versions.Zip(versions.Skip(1)).Where(pair => pair.First != pair.Second + 1).ShouldBeEmpty();
    }
}
