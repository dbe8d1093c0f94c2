using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>5,400 generated cases in three tests: 2,500 arguments, 2,100 messages, 800 values in Redis.</summary>
[Collection(FaultTestGroup.Name)]
public sealed partial class HostileInputTests(FaultServers servers)
{
    private const int HugeBytes = 100 * 1024 * 1024;
    private static readonly SaveOptions Cached = new() { Durability = Durability.Cached };

    [Fact]
    public Task Arguments_AreTakenExactlyOrRefusedWithAReason() => FaultLab.RunAsync(servers.Set, 3801, async lab =>
    {
        var nasty = new Nasty(lab.Random);
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync(options => options.MaxStateBytes = 64 * 1024);
        var client = FaultLab.ClientOf(host);
        var saved = new Dictionary<CheckpointKey, Checkpoint>();
        var refused = 0;
        for (var i = 0; i < 2500; i++)
        {
            var checkpoint = new Checkpoint
            {
                ExecutionId = nasty.Text(),
                Namespace = lab.Random.Next(2) == 0 ? "" : nasty.Text(),
                Id = lab.Random.Next(2) == 0 ? $"{i}" : nasty.Text(),
                ParentId = lab.Random.Next(2) == 0 ? null : nasty.Text(),
                NodeName = lab.Random.Next(2) == 0 ? "" : nasty.Text(),
                ContentType = lab.Random.Next(2) == 0 ? "text/plain" : nasty.Text(),
                Version = lab.Random.NextInt64(long.MinValue, long.MaxValue),
                State = lab.Random.Next(50) == 0 ? new byte[(64 * 1024) + lab.Random.Next(-1, 2)] : nasty.Bytes(200),
                Metadata = lab.Random.Next(2) == 0 ? null : nasty.Json(),
                CreatedAt = DateTimeOffset.UnixEpoch,
            };
            try
            {
                var result = await client.SaveAsync(checkpoint, Cached with { ExpectedLatestId = null });
                saved[result.Key] = checkpoint;
                if (lab.Random.Next(20) == 0)
                {
                    await client.DeleteAsync(result.Key);
                    saved.Remove(result.Key);
                }
            }
            catch (ArgumentException e)
            {
                e.Message.ShouldNotBeNullOrWhiteSpace();
                refused++;
                await RefusedAsync(() => client.LoadAsync(new CheckpointKey(nasty.Text(), nasty.Text(), nasty.Text())));
                await RefusedAsync(() => client.ListAsync(new CheckpointQuery
                {
                    ExecutionId = nasty.Text(),
                    ContinuationToken = nasty.Text(),
                    Limit = lab.Random.Next(-2, 5),
                    Metadata = nasty.Json(),
                }));
            }
        }

        await RefuseHugeAsync(client);
        lab.Timeline.Note($"{saved.Count} saved, {refused} refused");
        refused.ShouldBeGreaterThan(500);
        saved.Count.ShouldBeGreaterThan(200);
        await lab.SettleAsync(host);
        foreach (var (key, checkpoint) in saved)
        {
            var loaded = (await client.LoadAsync(key)).ShouldNotBeNull($"{key}");
            loaded.State.ToArray().ShouldBe(checkpoint.State.ToArray());
            loaded.NodeName.ShouldBe(checkpoint.NodeName);
            loaded.ContentType.ShouldBe(checkpoint.ContentType);
            var archived = await lab.Archive.FindAsync(
                new CheckpointQuery { ExecutionId = key.ExecutionId, Namespace = key.Namespace, Limit = 1 }, key.Id, null, long.MaxValue, default);
            archived.Items.ShouldHaveSingleItem().State.ToArray().ShouldBe(checkpoint.State.ToArray());
        }

        (await lab.Archive.ListDeadLettersAsync(null, 10, true, default)).ShouldBeEmpty();
        worker.HasExited.ShouldBeFalse();
    });

    /// <summary>100 MiB in each field; the error does not repeat them.</summary>
    private static async Task RefuseHugeAsync(ICheckpointClient client)
    {
        var text = new string('x', HugeBytes);
        var fine = new Checkpoint { ExecutionId = "huge", Id = "1" };
        Checkpoint[] checkpoints =
        [
            fine with { ExecutionId = text }, fine with { Namespace = text }, fine with { Id = text }, fine with { ParentId = text },
            fine with { NodeName = text }, fine with { ContentType = text }, fine with { State = new byte[HugeBytes] },
            fine with { Metadata = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["a"] = text }) },
        ];
        Func<Task>[] calls =
        [
            .. checkpoints.Select(checkpoint => (Func<Task>)(() => client.SaveAsync(checkpoint))),
            .. checkpoints.Select(checkpoint => (Func<Task>)(() => Task.FromResult(client.TrySave(checkpoint)))),
            () => client.SaveAsync(fine, new SaveOptions { ExpectedLatestId = text }),
            () => client.LoadLatestAsync(text),
            () => client.DeleteAsync(new CheckpointKey("huge", "", text)),
            () => client.ListAsync(new CheckpointQuery { ExecutionId = "huge", ContinuationToken = text }),
        ];
        foreach (var call in calls)
        {
            try
            {
                await call();
                Assert.Fail("100 MiB were taken.");
            }
            catch (Exception e) when (e is ArgumentException or CheckpointFormatException)
            {
                e.Message.Length.ShouldBeInRange(10, 500);
            }
        }
    }

    private static async Task RefusedAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception e) when (e is ArgumentException or CheckpointFormatException)
        {
            e.Message.ShouldNotBeNullOrWhiteSpace();
        }
    }

    private static async Task<int> CountAsync(FaultLab lab, string executionId)
    {
        var (count, after) = (0, (ListPosition?)null);
        while (true)
        {
            var page = await lab.Archive.FindAsync(
                new CheckpointQuery { ExecutionId = executionId, Limit = CheckpointQuery.MaxLimit, IncludeState = false }, null, after, long.MaxValue, default);
            count += page.Items.Count;
            if (!page.HasMore)
            {
                return count;
            }

            after = ListPosition.Of(page.Items[^1]);
        }
    }
}
