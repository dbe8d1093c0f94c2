using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

public sealed class WorkerProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Terminate_Running_EndsInOrder()
    {
        await using var sut = await StartedAsync();
        sut.Terminate();
        (await sut.WaitForExitAsync(Patience)).ShouldBe(0);
        sut.HasExited.ShouldBeTrue();
        await Should.ThrowAsync<InvalidOperationException>(() => sut.WaitForLineAsync(_ => false, Patience));
    }

    [Fact]
    public async Task Kill_Stopped_Ends()
    {
        await using var sut = await StartedAsync();
        sut.Stop();
        sut.Terminate();
        await Should.ThrowAsync<TimeoutException>(() => sut.WaitForExitAsync(TimeSpan.FromMilliseconds(100)));
        sut.Kill();
        (await sut.WaitForExitAsync(Patience)).ShouldBe(WorkerProcess.Killed);
    }

    [Fact]
    public async Task Continue_Stopped_GoesOn()
    {
        await using var sut = await StartedAsync();
        sut.Stop();
        sut.Continue();
        sut.Terminate();
        (await sut.WaitForExitAsync(Patience)).ShouldBe(0);
    }

    [Fact]
    public async Task WaitForLineAsync_NoSuchLine_TimesOutWithWhatWasWritten()
    {
        await using var sut = await StartedAsync();
        var fault = await Should.ThrowAsync<TimeoutException>(() => sut.WaitForLineAsync(line => line == "never", TimeSpan.FromMilliseconds(50)));
        fault.Message.ShouldContain("Now listening on");
    }

    private static async Task<WorkerProcess> StartedAsync()
    {
        var worker = await WorkerProcess.StartAsync();
        try
        {
            await worker.WaitForLineAsync(line => line.Contains("Application started", StringComparison.Ordinal), Patience);
            return worker;
        }
        catch
        {
            await worker.DisposeAsync();
            throw;
        }
    }
}
