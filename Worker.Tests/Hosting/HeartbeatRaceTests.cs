using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AsyncCheckpoints.Worker.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Hosting;

public sealed class HeartbeatRaceTests
{
    /// <summary>The tests lose connections as well; the programs do the same in their first line.</summary>
    [ModuleInitializer]
    internal static void Survive() => HeartbeatRace.Survive();

    /// <summary>The process of the tests would end.</summary>
    [Fact]
    public async Task Survive_ChannelClosedTwiceByTheTimer_GoesOn()
    {
        var thrown = new TaskCompletionSource();
        await using var timer = new Timer(HeartbeatReadTimerCallback, thrown, 1, Timeout.Infinite);
        await thrown.Task;

        // Behind it in the queue of the thread pool.
        for (var i = 0; i < 100; i++)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public void IsIt_OfAnotherKindOrPlace_IsNot()
    {
        HeartbeatRace.IsIt(new ChannelClosedException()).ShouldBeFalse();
        HeartbeatRace.IsIt(new InvalidOperationException()).ShouldBeFalse();
    }

    private static async void HeartbeatReadTimerCallback(object? thrown)
    {
        await Task.Yield();
        ((TaskCompletionSource)thrown!).SetResult();
        throw new ChannelClosedException();
    }
}
