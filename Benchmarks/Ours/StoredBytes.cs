using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>What a checkpoint takes in each part beside its state, with default settings: for docs/OPERATIONS.md, "Size it".</summary>
/// <param name="name">For the table.</param>
/// <param name="isSqlite">The archive is SQLite.</param>
/// <param name="stateBytes">The size of a state.</param>
internal sealed class StoredBytes(string name, bool isSqlite, int stateBytes) : IContender
{
    private Lab _lab = null!;

    public string Name => name;

    public Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        return Task.CompletedTask;
    }

    public async Task<Sample> RunAsync()
    {
        var n = _lab.Count(50_000, 5000);
        var state = _lab.State(stateBytes);
        var sample = new Sample();
        await using var installation = await Installation.StartAsync(_lab, isSqlite, hasWorker: false);
        var (redis, rabbit) = (await RedisBytesAsync(installation), RabbitBytes());
        await Load.RunAsync(n, 256, i => Saves.SaveAsync(installation.Client, Make(i, state), Saves.Queued));
        if (stateBytes <= 1024)
        {
            // With more the broker rolls its log files over in between.
            sample.With(Metric.RabbitBytes, Beyond(RabbitBytes() - rabbit, n));
        }

        await installation.StartWorkerAsync();
        await UntilArchivedAsync(installation, n);
        await installation.VerifyAsync(n);
        var settled = await RedisBytesAsync(installation);
        sample.With(Metric.RedisBytes, Beyond(settled - redis, n));
        await AddArchiveAsync(installation, n, sample);

        var deleted = n / 10;
        await Load.RunAsync(deleted, 256, i => installation.Client.DeleteAsync(Make(i, state).Key, Durability.Persisted));
        await Load.UntilAsync(async () => (await installation.Cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "deletions are settled");
        var without = settled - ((settled - redis) * (double)deleted / n);
        return sample.With(Metric.TombstoneBytes, (await RedisBytesAsync(installation) - without) / deleted);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static Checkpoint Make(int i, byte[] state) => Saves.Make(i, state) with { Id = $"checkpoint-{i:D8}-of-a-long-execution" };

    private double Beyond(double bytes, int count) => (bytes / count) - stateBytes;

    private static async Task<long> RedisBytesAsync(Installation installation) =>
        (await installation.Cache.GetServerStatsAsync(CancellationToken.None))!.Value.UsedBytes;

    private long RabbitBytes() => new DirectoryInfo(Path.Combine(_lab.Servers.Folder, "rabbitmq", "mnesia"))
        .EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private async Task UntilArchivedAsync(Installation installation, int n)
    {
        if (isSqlite)
        {
            await using var database = SqliteBatches.Open(installation.SqlitePath);
            await Load.UntilAsync(() => Task.FromResult(SqliteBatches.Scalar(database, "SELECT count(*) FROM checkpoints") == n), "everything is archived");
            return;
        }

        await Load.UntilAsync(async () => await installation.Table.CountAsync() == n, "everything is archived");
    }

    private async Task AddArchiveAsync(Installation installation, int n, Sample sample)
    {
        if (isSqlite)
        {
            await using var database = SqliteBatches.Open(installation.SqlitePath);
            SqliteBatches.Scalar(database, "PRAGMA wal_checkpoint(TRUNCATE)");
            sample.With(Metric.ArchiveBytes, Beyond(new FileInfo(installation.SqlitePath).Length, n));
            return;
        }

        sample.With(Metric.ArchiveBytes, Beyond(await SizeAsync("checkpoints"), n))
            .With(Metric.BoxBytes, (double)(await SizeAsync("inbox") + await SizeAsync("outbox")) / n);

        Task<long> SizeAsync(string table) => installation.Table.ScalarAsync<long>($"SELECT pg_total_relation_size('{installation.Prefix}.{table}')");
    }
}
