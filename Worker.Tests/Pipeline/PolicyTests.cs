using System.Text.Json;
using AsyncCheckpoints.Caching;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class PolicyTests
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    public static TheoryData<ArchiveKind, bool> Deployments => new()
    {
        { ArchiveKind.Sqlite, true }, { ArchiveKind.Sqlite, false }, { ArchiveKind.Postgres, false },
    };

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task SaveAsync_ExpectedLatestIsNotTheLatest_IsAConflictAndSavesNothing(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var first = await client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = SaveOptions.EmptyStream });
        var second = await client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = first.Key.Id });

        var conflict = await Should.ThrowAsync<CheckpointConflictException>(
            () => client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = first.Key.Id }));
        conflict.ExpectedLatestId.ShouldBe(first.Key.Id);
        conflict.ActualLatestId.ShouldBe(second.Key.Id);
        conflict.IsTransient.ShouldBeFalse();
        await Should.ThrowAsync<CheckpointConflictException>(
            () => client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = SaveOptions.EmptyStream }));
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "run" })).Items.Select(item => item.Id).ShouldBe([second.Key.Id, first.Key.Id]);
    }

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task SaveAsync_ExpectedLatestAfterTheCacheExpired_IsCheckedAgainstTheArchive(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        deployment["Checkpoints:CacheTtl"] = "00:00:02";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync(options => options.CacheTtl = TimeSpan.FromSeconds(2));
        var first = await client.SaveAsync(At("run"), Persisted);
        await Deployment.UntilAsync(() => IsForgottenAsync(worker, first.Key), "the cache has let go of the stream");
        await Should.ThrowAsync<CheckpointConflictException>(
            () => client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = SaveOptions.EmptyStream }));
        await Deployment.UntilAsync(() => IsForgottenAsync(worker, first.Key), "the cache has let go of the stream again");
        (await client.SaveAsync(At("run"), Persisted with { ExpectedLatestId = first.Key.Id })).Reached.ShouldBe(Durability.Persisted);
    }

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task ForkAsync_OfACheckpoint_StartsANewExecutionFromItsState(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var long40K = new string('ä', 20_000); // It would not fit escaped.
        var origin = await client.SaveAsync(At("run", 1) with { Metadata = JsonElement.Parse($$"""{"user":"{{long40K}}"}""") }, Persisted);
        await client.SaveAsync(At("run", 2), Persisted);

        var fork = await client.ForkAsync(origin.Key, "other", Persisted);
        var copy = (await client.LoadLatestAsync("other")).ShouldNotBeNull();
        copy.Key.ShouldBe(fork.Key);
        copy.State.ToArray().ShouldBe([1]);
        copy.Metadata!.Value.GetProperty("user").GetString().ShouldBe(long40K);
        copy.Metadata!.Value.GetProperty("forkedFrom").GetProperty("executionId").GetString().ShouldBe("run");
        await client.SaveAsync(At("other", 9), Persisted);
        (await client.LoadLatestAsync("run")).ShouldNotBeNull().State.ToArray().ShouldBe([2]);
        await Should.ThrowAsync<CheckpointConflictException>(() => client.ForkAsync(origin.Key, "other"));
        var buffered = new SaveOptions { Durability = Durability.Buffered, ExpectedLatestId = "not looked at" };
        (await client.ForkAsync(origin.Key, "buffered", buffered)).Reached.ShouldBe(Durability.Cached);
        await Should.ThrowAsync<CheckpointConflictException>(() => client.ForkAsync(origin.Key, "other", buffered));
        await Should.ThrowAsync<CheckpointNotFoundException>(() => client.ForkAsync(new CheckpointKey("run", "nothing"), "third"));
    }

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task MaxCachedPerStream_OlderOnes_AreReadFromTheArchive(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        deployment["Checkpoints:MaxCachedPerStream"] = "3";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync(options => options.MaxCachedPerStream = 3);
        var keys = new List<CheckpointKey>();
        for (var i = 0; i < 20; i++)
        {
            keys.Add((await client.SaveAsync(At("run", (byte)i), Persisted)).Key);
        }

        await Deployment.UntilAsync(() => IsForgottenAsync(worker, keys[16]), "the cache holds the newest three");
        (await Deployment.CacheOf(worker).LoadAsync(keys[17], CancellationToken.None)).Status.ShouldBe(CacheReadStatus.Found);
        (await client.LoadAsync(keys[0])).ShouldNotBeNull().State.ToArray().ShouldBe([0]);
        (await client.LoadLatestAsync("run")).ShouldNotBeNull().State.ToArray().ShouldBe([19]);
        var seen = new List<string>();
        var query = new CheckpointQuery { ExecutionId = "run", Limit = 3 };
        do
        {
            var page = await client.ListAsync(query);
            seen.AddRange(page.Items.Select(item => item.Id));
            query = query with { ContinuationToken = page.ContinuationToken };
        }
        while (query.ContinuationToken is not null);
        seen.ShouldBe(keys.AsEnumerable().Reverse().Select(key => key.Id));
    }

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task SlidingCacheTtl_WhileRead_KeepsTheStreamInTheCache(ArchiveKind archive, bool isEmbedded)
    {
        await using var deployment = new Deployment(archive, isEmbedded);
        deployment["Checkpoints:CacheTtl"] = "00:00:08";
        deployment["Checkpoints:SlidingCacheTtl"] = "true";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync(options =>
        {
            options.CacheTtl = TimeSpan.FromSeconds(8);
            options.SlidingCacheTtl = true;
        });
        var read = await client.SaveAsync(At("read"), Persisted);
        var unread = await client.SaveAsync(At("unread"), Persisted);

        // The unread one goes although it was saved later; the other, read all the time, stays.
        await Deployment.UntilAsync(
            async () =>
            {
                (await Deployment.CacheOf(worker).LoadLatestAsync("read", "", CancellationToken.None)).Status.ShouldBe(CacheReadStatus.Found);
                return await IsForgottenAsync(worker, unread.Key);
            },
            "the stream that nobody reads expires");
        (await client.LoadAsync(read.Key)).ShouldNotBeNull();
        (await client.LoadAsync(unread.Key)).ShouldNotBeNull();
    }

    private static Checkpoint At(string execution, byte state = 0) => new() { ExecutionId = execution, State = new[] { state } };

    /// <summary>Asks for the key alone: loading it would start a sliding TTL anew.</summary>
    private static async Task<bool> IsForgottenAsync(IHost worker, CheckpointKey key) =>
        (await Deployment.CacheOf(worker).GetMarksAsync(key.ExecutionId, [(key.Namespace, key.Id)], CancellationToken.None))[0] is null;
}
