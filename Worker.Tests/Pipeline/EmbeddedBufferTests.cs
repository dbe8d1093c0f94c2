using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>The queue of the embedded worker is memory: what is on it counts, and ends with the process.</summary>
public sealed class EmbeddedBufferTests
{
    private const int MaxItems = 200;

    [Fact]
    public async Task StopAsync_FullOfBufferedSaves_ArchivesThem()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var worker = await deployment.StartWorkerAsync();
        for (var i = 0; i < 3000; i++)
        {
            ClientOf(worker).TrySave(Make(i)).ShouldBeTrue();
        }

        await deployment.StopAsync(worker);
        worker = await deployment.StartWorkerAsync();

        (await Deployment.ArchivedAsync(worker, "run")).Count.ShouldBe(3000);
    }

    [Fact]
    public async Task TrySave_ArchiveIsAway_SaysWhenItIsFullAndLosesNothing()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        deployment["Checkpoints:MaxBufferedItems"] = $"{MaxItems}";
        deployment["Worker:PauseAfter"] = "00:00:00.500";
        (deployment["Worker:RescueAfter"], deployment["Worker:RescueInterval"]) = ("00:00:01", "00:00:00.500");
        var path = Path.Combine(deployment["Worker:DataPath"]!, "checkpoints.db");
        await using var archive = new SqliteArchive(new SqliteArchiveOptions { Path = path, BusyTimeout = TimeSpan.FromSeconds(1) }, TimeProvider.System);
        var worker = await deployment.StartWorkerAsync(services => services.AddSingleton<ICheckpointArchive>(archive));
        var gate = worker.Services.GetRequiredService<ConsumptionGate>();
        var client = ClientOf(worker);
        await client.SaveAsync(Make(-1));
        var taken = 0;
        await using (await LockAsync(path))
        {
            // The queue drops what is in hand at a pause; what is refused is not in.
            var refused = 0;
            await Deployment.UntilAsync(
                () =>
                {
                    while (client.TrySave(Make(taken)))
                    {
                        taken++;
                    }

                    return Task.FromResult(++refused > 100 && !gate.IsOpen);
                },
                "it has been full for a while");
            taken.ShouldBe(MaxItems);
        }

        await Deployment.UntilAsync(() => Task.FromResult(client.TrySave(Make(taken))), "there is room again", TimeSpan.FromMinutes(2));
        await client.FlushAsync().WaitAsync(TimeSpan.FromMinutes(2));
        (await Deployment.ArchivedAsync(worker, "run")).Count.ShouldBe(taken + 2);
    }

    private static async Task<SqliteConnection> LockAsync(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private static ICheckpointClient ClientOf(IHost worker) => worker.Services.GetRequiredService<ICheckpointClient>();

    private static Checkpoint Make(int number) => new() { ExecutionId = "run", Id = $"{number}", State = new byte[100] };
}
