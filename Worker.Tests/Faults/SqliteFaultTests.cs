using AsyncCheckpoints.Tests.Servers;
using Microsoft.Data.Sqlite;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class SqliteFaultTests(FaultServers servers)
{
    [Fact]
    public Task Lock_FileByAnotherProcess_WaitsAndLosesNothing() => RunAsync(3501, async (lab, folder) =>
    {
        var worker = await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await using (var other = new SqliteConnection($"Data Source={Path.Combine(folder, "checkpoints.db")};Pooling=False"))
            {
                await other.OpenAsync();
                await using var command = other.CreateCommand();
                command.CommandText = "BEGIN IMMEDIATE";
                await command.ExecuteNonQueryAsync();
                lab.Timeline.Note("file locked");

                // SQLite waits for a lock for 30 s, whoever stands in line for it.
                await worker.WaitForLineAsync(line => line.Contains("Stopped consuming", StringComparison.Ordinal), FaultLab.Patience);
                lab.Timeline.Note("paused");
            }

            lab.Timeline.Note("lock released");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    [SmallDiskFact]
    public Task Fill_Disk_WaitsForRoomAndLosesNothing() => RunAsync(3502, async (lab, folder) =>
    {
        await using var disk = await SmallDisk.MountAsync(folder, "3m");
        try
        {
            var worker = await lab.StartWorkerAsync();
            var client = await lab.StartClientAsync();
            await disk.FillAsync(lab, client, worker, "is away");
        }
        finally
        {
            await lab.DisposeAsync();
        }
    });

    private Task RunAsync(int seed, Func<FaultLab, string, Task> test) => FaultLab.RunAsync(servers.Set, seed, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-sqlite-");
        try
        {
            lab.UseSqlite(folder.FullName);
            await test(lab, folder.FullName);
        }
        finally
        {
            await lab.DisposeAsync();
            folder.Delete(recursive: true);
        }
    });
}
