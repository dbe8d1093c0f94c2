using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class RedisFaultTests(FaultServers servers)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Kill_RedisUnderLoad_SavesGoOnAndItIsRepaired(bool isEmptied) => FaultLab.RunAsync(servers.Set, 3201, async lab =>
    {
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        var load = await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis killed");
            if (isEmptied)
            {
                lab.RedisWasEmptied = true;
                await servers.Set.WipeAsync(ServerKind.Redis);
            }

            await lab.ProgressAsync();
            await servers.Set.StartAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis back");
            await lab.ProgressAsync();
        });
        load.Slowest.ShouldBeLessThan(TimeSpan.FromSeconds(12));
        await lab.AuditAsync(client);
        await SavesAreCachedAsync(FaultLab.ClientOf(client));
    });

    [Fact]
    public Task Pause_RedisUnderLoad_SavesGoOn() => FaultLab.RunAsync(servers.Set, 3202, async lab =>
    {
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.PauseAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis stopped");
            await lab.ProgressAsync();
            await servers.Set.ResumeAsync(ServerKind.Redis);
            lab.Timeline.Note("Redis continues");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    [Fact]
    public Task Start_RedisIsDown_SavesReachTheQueueAndLaterTheCache() => FaultLab.RunAsync(servers.Set, 3203, async lab =>
    {
        await lab.StartWorkerAsync();
        await lab.Redis.CutAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await lab.UnderLoadAsync(client, () => lab.ProgressAsync());
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "down" });
        saved.Reached.ShouldBe(Durability.Queued);
        saved.Cached.ShouldBeFalse();
        lab.Redis.Restore();
        lab.Timeline.Note("Redis can be reached");
        await SavesAreCachedAsync(client);
        await lab.AuditAsync(host);
    });

    private static Task SavesAreCachedAsync(ICheckpointClient client) => FaultLab.UntilAsync(
        async () => (await client.SaveAsync(new Checkpoint { ExecutionId = "after" })) is { Cached: true, Reached: Durability.Queued },
        "saves are cached again", TimeSpan.FromSeconds(30));
}
