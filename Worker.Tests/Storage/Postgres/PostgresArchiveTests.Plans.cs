using AsyncCheckpoints.Worker.Storage;
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
