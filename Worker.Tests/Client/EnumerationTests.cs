using AsyncCheckpoints.Reading;
using AsyncCheckpoints.Tests.Pipeline;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Client;

public sealed class EnumerationTests
{
    [Fact]
    public async Task EnumerateAsync_PagesOfTwo_GivesAllInOrder()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var client = await deployment.CreateClientAsync();
        for (var i = 0; i < 5; i++)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = "run", Version = i });
        }

        var query = new CheckpointQuery { ExecutionId = "run", Limit = 2, OldestFirst = true };
        var versions = await client.EnumerateAsync(query).Select(checkpoint => checkpoint.Version).ToListAsync();
        versions.ShouldBe([0, 1, 2, 3, 4]);
        var rest = query with { ContinuationToken = (await client.ListAsync(query)).ContinuationToken };
        (await client.EnumerateAsync(rest).CountAsync()).ShouldBe(3);
        (await client.EnumerateAsync(new CheckpointQuery { ExecutionId = "none" }).CountAsync()).ShouldBe(0);

        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(async () => await client.EnumerateAsync(query, cancellation.Token).CountAsync());
        await Should.ThrowAsync<OperationCanceledException>(async () => await client.EnumerateAsync(query).CountAsync(cancellation.Token));
    }

    [Fact]
    public async Task EnumerateExecutionsAsync_EmptyPageBefore_GivesWhatFollows()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var client = await deployment.CreateClientAsync();
        var executions = Enumerable.Range(0, ExecutionSearch.MaxLooks + 1000).Select(i => $"run-{i:D6}").Append("run-needle").ToList();
        await Task.WhenAll(executions.Select(execution => client.SaveAsync(new Checkpoint { ExecutionId = execution })));

        var first = await client.ListExecutionsAsync("run-", CheckpointQuery.MaxLimit, contains: "needle");
        (first.Items.Count, first.ContinuationToken is null).ShouldBe((0, false));
        (await client.EnumerateExecutionsAsync(contains: "needle").ToListAsync()).ShouldBe(["run-needle"]);
        (await client.EnumerateExecutionsAsync("run-").ToListAsync()).ShouldBe(executions);
        (await client.EnumerateExecutionsAsync("run-00001").CountAsync()).ShouldBe(10);
    }
}
