using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Shouldly;
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
                await worker.WaitForLineAsync(line => line.Contains("Stopped consuming", StringComparison.Ordinal), FaultLab.Patience);
                lab.Timeline.Note("paused");
            }

            lab.Timeline.Note("lock released");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    /// <summary>Mounts a small tmpfs, which takes root; without, the test cannot be made and says so.</summary>
    [Fact]
    public Task Fill_Disk_WaitsForRoomAndLosesNothing() => RunAsync(3502, async (lab, folder) =>
    {
        if (!await TryMountAsync("-t", "tmpfs", "-o", "size=3m", "tmpfs", folder))
        {
            Console.WriteLine("Fill_Disk_WaitsForRoomAndLosesNothing: a tmpfs cannot be mounted here (it takes root); nothing was tested.");
            return;
        }

        try
        {
            var worker = await lab.StartWorkerAsync();
            var client = await lab.StartClientAsync();
            await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
            {
                await worker.WaitForLineAsync(line => line.Contains("is away", StringComparison.Ordinal), FaultLab.Patience);
                lab.Timeline.Note("disk full");
                await lab.ProgressAsync(20);
                (await TryMountAsync("-o", "remount,size=256m", folder)).ShouldBeTrue();
                lab.Timeline.Note("disk has room");
                await lab.ProgressAsync();
            });
            await lab.AuditAsync(client);
        }
        finally
        {
            await lab.DisposeAsync();
            await StartAsync("umount", "-l", folder);
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

    private static async Task<bool> TryMountAsync(params string[] arguments) => await StartAsync("mount", arguments) == 0;

    private static async Task<int> StartAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
