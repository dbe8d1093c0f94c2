using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Sessions;

public abstract partial class CheckpointSessionConformanceTests
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task StepAsync_SaveThatFails_SurfacesAndIsMadeOnceLater(bool isAnswerLost, bool fence)
    {
        await using var sut = OpenFaulty(out var faults, o => o.FenceWriters = fence);
        var a = await sut.StepAsync("a", Bytes("1"));
        var state = Bytes("2");
        (faults.LostAnswers, faults.LostRequests) = isAnswerLost ? (1, 0) : (0, 1);
        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.StepAsync("b", state));
        state.AsSpan().Clear();
        sut.HasUnsavedStep.ShouldBeTrue();
        sut.Current!.NodeName.ShouldBe("b");

        var c = await sut.StepAsync("c", Bytes("3"));
        var all = await ListAsync(sut, includeState: true);
        all.Select(x => x.NodeName).ShouldBe(["a", "b", "c"]);
        all.Select(x => x.Version).ShouldBe([1, 2, 3]);
        (all[1].ParentId, all[2].ParentId).ShouldBe((a.Checkpoint.Id, all[1].Id));
        all[1].State.ToArray().ShouldBe(Bytes("2"));
        all[2].Id.ShouldBe(c.Checkpoint.Id);
    }

    [Fact]
    public async Task StepAsync_OutageThatLasts_DoesNotTakeTheNextStep()
    {
        await using var sut = OpenFaulty(out var faults);
        faults.LostRequests = 2;
        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.StepAsync("a", Bytes("1")));
        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.StepAsync("b", Bytes("2")));
        sut.Current!.NodeName.ShouldBe("a");
        (await sut.SaveAsync()).ShouldNotBeNull().Checkpoint.NodeName.ShouldBe("a");
        (await sut.StepAsync("b", Bytes("2"))).Checkpoint.Version.ShouldBe(2);
    }

    [Fact]
    public async Task SaveInterval_HeldStepWhoseSaveFails_IsTriedAgain()
    {
        var time = new ManualTime();
        await using var sut = OpenFaulty(out var faults, o => (o.SaveInterval, o.TimeProvider) = (Interval, time));
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        faults.LostRequests = 1;
        time.Advance(Interval);
        await sut.ListAsync().GetAsyncEnumerator().MoveNextAsync();
        sut.HasUnsavedStep.ShouldBeTrue();
        time.Advance(Interval);
        await sut.SaveAsync();
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, b.Checkpoint.Id]);
    }

    [Fact]
    public async Task DisposeAsync_SaveThatFails_Throws()
    {
        var sut = OpenFaulty(out var faults, o => (o.SaveInterval, o.TimeProvider) = (Interval, new ManualTime()));
        await sut.StepAsync("a", Bytes("1"));
        await sut.StepAsync("b", Bytes("2"));
        faults.LostRequests = 1;
        await Should.ThrowAsync<CheckpointUnavailableException>(async () => await sut.DisposeAsync());
    }

    [Fact]
    public async Task MaxCheckpoints_DeletionThatFails_IsReportedAndMadeUpFor()
    {
        await using var sut = OpenFaulty(out var faults, o => o.MaxCheckpoints = 1);
        await sut.StepAsync("a", Bytes("1"));
        faults.LostDeletes = 2;
        var b = await sut.StepAsync("b", Bytes("2"));
        b.IsSaved.ShouldBeTrue();
        b.TrimFailure.ShouldBeOfType<CheckpointUnavailableException>();
        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.FlushAsync());
        await sut.FlushAsync();
        (await IdsAsync()).ShouldBe([b.Checkpoint.Id]);
    }

    private CheckpointSession OpenFaulty(out FaultyClient faults, Action<CheckpointSessionOptions>? configure = null)
    {
        var options = new CheckpointSessionOptions { Durability = Durability.Persisted };
        configure?.Invoke(options);
        (var client, faults) = FaultyClient.Over(_client);
        return client.OpenSession(_execution, options);
    }
}
