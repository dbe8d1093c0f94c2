using System.Text;
using AsyncCheckpoints.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class EmbeddedClockTests
{
    private readonly JumpingTime _time = new();

    /// <summary>A machine without a clock that outlives its power, or one that was restored.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(24 * 365)]
    public async Task Restart_ClockIsBehind_WhatIsSavedIsNewer(int hours)
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var worker = await StartAsync(deployment);
        await SaveAsync(worker, "again", "a", "old");
        await SaveAsync(worker, "cleared", "a", "old");
        await ClientOf(worker).ClearAsync("cleared", Durability.Persisted);
        await deployment.StopAsync(worker);

        _time.Jump(TimeSpan.FromHours(-hours));
        worker = await StartAsync(deployment);
        await SaveAsync(worker, "again", "a", "new");
        await SaveAsync(worker, "cleared", "a", "new");
        await deployment.StopAsync(worker);

        // Nothing of this is in the cache, and the clock is still behind.
        worker = await StartAsync(deployment);
        (await LoadAsync(worker, "again")).ShouldBe("new");
        (await LoadAsync(worker, "cleared")).ShouldBe("new");
        await SaveAsync(worker, "again", "a", "newer");
        await ClientOf(worker).ClearAsync("cleared", Durability.Persisted);
        await deployment.StopAsync(worker);

        // Set right while it runs, and from then on.
        worker = await StartAsync(deployment);
        (await LoadAsync(worker, "again")).ShouldBe("newer");
        (await LoadAsync(worker, "cleared")).ShouldBeNull();
        _time.Jump(TimeSpan.FromHours(hours));
        await SaveAsync(worker, "again", "a", "newest");
        await deployment.StopAsync(worker);
        worker = await StartAsync(deployment);
        (await LoadAsync(worker, "again")).ShouldBe("newest");
        var last = await SaveAsync(worker, "again", "a", "last");
        last.Sequence.ShouldBeInRange(Microseconds(TimeSpan.FromMinutes(-10)), Microseconds(TimeSpan.FromMinutes(10)));
    }

    private long Microseconds(TimeSpan fromNow) => CheckpointCodec.ToMicroseconds(_time.GetUtcNow() + fromNow);

    private Task<IHost> StartAsync(Deployment deployment) => deployment.StartWorkerAsync(services => services.AddSingleton<TimeProvider>(_time));

    private static ICheckpointClient ClientOf(IHost worker) => worker.Services.GetRequiredService<ICheckpointClient>();

    private static Task<SaveResult> SaveAsync(IHost worker, string executionId, string id, string state) => ClientOf(worker).SaveAsync(
        new Checkpoint { ExecutionId = executionId, Id = id, State = Encoding.UTF8.GetBytes(state) }, new SaveOptions { Durability = Durability.Persisted });

    private static async Task<string?> LoadAsync(IHost worker, string executionId) =>
        await ClientOf(worker).LoadLatestAsync(executionId) is { } latest ? Encoding.UTF8.GetString(latest.State.Span) : null;
}
