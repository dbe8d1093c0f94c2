using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Storage.Postgres;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed class BacklogSamplerTests
{
    /// <summary>A lock stands for whatever makes the archive slow.</summary>
    [Fact]
    public async Task Sample_ArchiveTakesLonger_HasOneQueryAtATime()
    {
        var database = await PostgresDatabase.CreateAsync();
        await using var worker = new JobWorker { ["ConnectionStrings__Postgres"] = database, ["Worker__SampleInterval"] = "00:00:00.500" };
        await worker.StartAsync();
        await using var source = NpgsqlDataSource.Create(database);
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("LOCK TABLE checkpoints.dead_letters IN ACCESS EXCLUSIVE MODE", connection, transaction))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var (first, waiting) = (default(DateTime?), new List<DateTime>());
        await Deployment.UntilAsync(
            async () =>
            {
                waiting = await WaitingAsync(source);
                first ??= waiting.Count > 0 ? waiting[0] : null;
                return waiting.Exists(start => start > first);
            },
            "it has looked again");

        waiting.ShouldHaveSingleItem();
    }

    private static async Task<List<DateTime>> WaitingAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("""
            SELECT query_start FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND query LIKE '/* archive.stats */%' ORDER BY query_start
            """);
        var starts = new List<DateTime>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            starts.Add(reader.GetDateTime(0));
        }

        return starts;
    }
}
