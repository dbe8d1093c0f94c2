using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage.Postgres;

/// <summary>How many rows the archive's statements look at, by the server's own count.</summary>
public sealed partial class PostgresArchiveTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CommitAsync_ExecutionWithManyTombstones_LooksAtThoseOfItsKeys(bool uncached)
    {
        var sut = await CreateSut();
        await ExecuteAsync(
            """
            INSERT INTO {tables}tombstones (execution_id, scope, namespace, checkpoint_id, sequence)
            SELECT 'e', 2, '', 'deleted' || n, n FROM generate_series(1, 20000) AS n;
            ANALYZE {tables}tombstones
            """);
        await CountRowsAsync("tombstones", "INSERT ON {tables}inbox");

        for (var round = 0; round < 2; round++)
        {
            var saves = Enumerable.Range(1, 100).Select(i => Save(Make("e", $"{round}-{i}", i), uncached)).ToArray();
            (await sut.CommitAsync(Batch(new ArchiveCommand(NextCommand(), saves, [])), default)).Archived.ShouldBe(100);
        }

        (await LookedAtAsync()).ShouldBeLessThan(1000);
    }

    /// <summary>Young rows lie where old ones were; the server has no statistics yet, and plans for any age or for this one.</summary>
    [Theory]
    [InlineData("auto")]
    [InlineData("force_generic_plan")]
    public async Task PurgeAsync_PagesUsedAgain_LooksAtOldRowsOnly(string planCacheMode)
    {
        var sut = await CreateSut();
        var limits = new PurgeLimits(TimeSpan.FromDays(7), TimeSpan.FromDays(7), TimeSpan.FromDays(7), 1000);
        await ExecuteAsync("ALTER TABLE {tables}inbox SET (autovacuum_enabled = off)");
        await ExecuteAsync("INSERT INTO {tables}inbox SELECT 'old' || n, now() - interval '8 days' FROM generate_series(1, 30000) AS n");
        await ExecuteAsync("INSERT INTO {tables}inbox SELECT 'last' || n FROM generate_series(1, 100) AS n");
        await ExecuteAsync("VACUUM {tables}inbox");
        (await sut.PurgeAsync(limits, default)).Inbox.ShouldBe(30_000);
        await ExecuteAsync("VACUUM {tables}inbox");
        await ExecuteAsync("INSERT INTO {tables}inbox SELECT 'new' || n FROM generate_series(1, 30000) AS n");
        await ExecuteAsync("INSERT INTO {tables}inbox SELECT 'due' || n, now() - interval '8 days' FROM generate_series(1, 10) AS n");
        await CountRowsAsync("inbox", "DELETE ON {tables}inbox");

        // Another session, whose count begins at none.
        await using var counted = new PostgresArchive(new() { ConnectionString = $"{_connectionString};Options=-c plan_cache_mode={planCacheMode}" });
        (await counted.PurgeAsync(limits, default)).Inbox.ShouldBe(10);

        (await LookedAtAsync()).ShouldBeLessThan(1000);
        $"{await ExecuteAsync($"EXPLAIN (FORMAT JSON) {new PostgresSql("checkpoints.").NewestArrival}")}".ShouldNotContain("Seq Scan");
    }

    /// <summary>Counts a table's rows, dead ones too, that are looked at in transactions up to the end of such a statement.</summary>
    private async Task CountRowsAsync(string table, string statement) => await ExecuteAsync(
        $"""
        CREATE TABLE {"{tables}"}looked_at (rows bigint);
        CREATE FUNCTION {"{tables}"}count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO {"{tables}"}looked_at
            SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relid = '{"{tables}"}{table}'::regclass;
            RETURN NULL;
        END $$;
        CREATE TRIGGER count_rows AFTER {statement} EXECUTE FUNCTION {"{tables}"}count_rows()
        """);

    private async Task<long> LookedAtAsync() => (long)(await ExecuteAsync("SELECT max(rows) FROM {tables}looked_at"))!;
}
