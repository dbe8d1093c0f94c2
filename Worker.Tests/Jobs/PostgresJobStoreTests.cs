using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class PostgresJobStoreTests : JobStoreConformanceTests
{
    /// <summary>A lock stands for very many rows: counting them takes longer than anybody waits for a figure.</summary>
    [Fact]
    public async Task Count_TakesTooLong_IsUnknownAndNoError()
    {
        var database = await PostgresDatabase.CreateAsync();
        await using var sut = new PostgresArchive(new() { ConnectionString = database }) { CountTimeout = TimeSpan.FromSeconds(1) };
        await sut.MigrateAsync(default);
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("LOCK TABLE checkpoints.checkpoints IN ACCESS EXCLUSIVE MODE", connection, transaction))
        {
            await hold.ExecuteNonQueryAsync();
        }

        (await sut.CountCheckpointsAsync("wide", default)).ShouldBeNull();
        (await sut.CountCheckpointsOfAsync("one", default)).ShouldBeNull();
        (await sut.GetTotalAsync(default)).ShouldBe(new ArchiveTotal(0, true));
        await transaction.RollbackAsync();
        (await sut.CountCheckpointsAsync("wide", default)).ShouldBe(0);
    }

    private protected override async Task<ICheckpointArchive> CreateAsync() =>
        new PostgresArchive(new() { ConnectionString = await PostgresDatabase.CreateAsync() });
}
