using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class DeadLetterJobTests
{
    [Theory]
    [InlineData("dead-letter-discard", "discarded")]
    [InlineData("dead-letter-retry", "retried")]
    public async Task Job_LetterComesBeforeItsTime_OnlyTheEarlierAreMeant(string kind, string past)
    {
        await using var worker = new JobWorker();
        await using var archive = worker.OpenArchive();
        await archive.MigrateAsync(default);
        await archive.CommitAsync(new ArchiveBatch([], [Letter(0), Letter(1)]), default);
        await worker.StartAsync();
        var id = await worker.PostAsync(kind, new { all = true }, scheduledAt: TimeProvider.System.GetUtcNow().AddSeconds(2));
        await archive.CommitAsync(new ArchiveBatch([], [Letter(2)]), default);

        var job = await worker.WaitAsync(id);

        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        job.GetProperty("counts").GetProperty(past).GetInt64().ShouldBe(2);
        (await archive.ListDeadLettersAsync(null, 10, false, default)).ShouldHaveSingleItem().Letter.Id.ShouldBe("letter:2");
    }

    /// <summary>A read has put the version before into the cache, which lost the letter's.</summary>
    [Fact]
    public async Task Retry_CacheDoesNotHaveIt_TheLatestIsTheLetters()
    {
        await using var worker = new JobWorker();
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 1);
            await archive.CommitAsync(new ArchiveBatch([], [Letter(1)]), default);
        }

        await worker.StartAsync();
        (await worker.Http.GetByteArrayAsync("/executions/e-000000/latest")).ShouldBe(JobWorker.Make(0).State.ToArray());

        await worker.RunAsync("dead-letter-retry", new { all = true });

        (await worker.Http.GetByteArrayAsync("/executions/e-000000/latest")).ShouldBe(JobWorker.Make(1).State.ToArray());
    }

    /// <summary>Redis has the version before, lost the letter's, and cannot be told of it when the letter is tried again.</summary>
    [Fact]
    public async Task Retry_RedisIsAway_TheLatestIsTheLettersOnceItIsBack()
    {
        await using var proxy = TcpProxy.Start(SharedServers.Redis);
        await using var worker = new JobWorker();
        var prefix = worker.UseServers(redis: proxy.ConnectionString);
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 1);
            await archive.CommitAsync(new ArchiveBatch([], [Letter(1)]), default);
        }

        await worker.StartAsync();
        await using var redis = new RedisCheckpointCache(SharedServers.Redis, prefix, JobWorker.ShardCount, TimeSpan.FromSeconds(30));
        await worker.Http.GetByteArrayAsync("/executions/e-000000/latest");
        (await LatestAsync()).ShouldBe(JobWorker.Make(0).Sequence);
        await proxy.CutAsync();

        await worker.RunAsync("dead-letter-retry", new { all = true });
        proxy.Restore();

        await Deployment.UntilAsync(async () => await LatestAsync() == JobWorker.Make(1).Sequence, "the letter's is the latest");

        async Task<long> LatestAsync() => (await redis.LoadLatestAsync("e-000000", "", default)).Checkpoint.Sequence;
    }

    [Fact]
    public async Task Retry_ArchiveRefusesSomeOfABatch_OnlyTheyStay()
    {
        await using var worker = new JobWorker();
        await using (var archive = worker.OpenArchive())
        {
            await archive.MigrateAsync(default);
            DeadLetter[] letters = [.. Enumerable.Range(0, 120).Select(Letter), new("text", "not readable", "text/plain", "hello"u8.ToArray(), null)];
            await archive.CommitAsync(new ArchiveBatch([], letters), default);
        }

        await using (var connection = new SqliteConnection($"Data Source={worker.ArchivePath};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText =
                "CREATE TRIGGER refuse BEFORE INSERT ON checkpoints WHEN NEW.version IN (7, 50, 51) BEGIN SELECT RAISE(ABORT, 'not this one'); END";
            await command.ExecuteNonQueryAsync();
        }

        await worker.StartAsync();
        var job = await worker.RunAsync("dead-letter-retry", new { all = true });

        job.GetProperty("counts").GetRawText().ShouldBe("""{"retried":117,"stays":4}""");
        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).ShouldBe([("stays", "8"), ("stays", "51"), ("stays", "52"), ("stays", "121")]);
        await using var after = worker.OpenArchive();
        (await JobWorker.ReadAsync(after)).Values.Select(checkpoint => checkpoint.Version).Order()
            .ShouldBe(Enumerable.Range(0, 120).Where(i => i is not (7 or 50 or 51)).Select(i => (long)i));
        (await after.ListDeadLettersAsync(null, 10, false, default)).Select(letter => letter.RowId).ShouldBe([121L, 52, 51, 8]);
    }

    private static DeadLetter Letter(int i)
    {
        var save = new SaveCheckpoint { Sequence = JobWorker.Make(i).Sequence, Record = ByteString.CopyFrom(CheckpointCodec.Encode(JobWorker.Make(i)).Record.Span), Cached = true };
        return new DeadLetter($"letter:{i}", "too large", CommandReader.SaveContentType, save.ToByteArray(), null);
    }
}
