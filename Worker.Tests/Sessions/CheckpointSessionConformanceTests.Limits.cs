using System.Text;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Sessions;

public abstract partial class CheckpointSessionConformanceTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task SaveInterval_StepsWithinIt_AreHeldBackUntilItHasPassed()
    {
        var time = new ManualTime();
        await using var sut = Open(o => (o.SaveInterval, o.TimeProvider) = (Interval, time));
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        time.Advance(Interval / 2);
        var c = await sut.StepAsync("c", Bytes("3"));
        (a.IsSaved, b.IsSaved, c.IsSaved, sut.HasUnsavedStep).ShouldBe((true, false, false, true));
        sut.Current!.Id.ShouldBe(c.Checkpoint.Id);
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id]);

        time.Advance(Interval / 2);
        // The session's calls take their turn behind the save that the timer has started.
        await sut.SaveAsync();
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, c.Checkpoint.Id]);
        var latest = (await _client.LoadLatestAsync(_execution)).ShouldNotBeNull();
        (latest.ParentId, latest.Version, Encoding.UTF8.GetString(latest.State.Span)).ShouldBe((a.Checkpoint.Id, 3, "3"));

        time.Advance(Interval * 2);
        (await sut.StepAsync("d", Bytes("4"))).IsSaved.ShouldBeTrue();
    }

    [Fact]
    public async Task SaveInterval_FlushAndDispose_SaveTheHeldStep()
    {
        var time = new ManualTime();
        var sut = Open(o => (o.SaveInterval, o.TimeProvider) = (Interval, time));
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        await sut.FlushAsync();
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, b.Checkpoint.Id]);
        var state = Bytes("3");
        var c = await sut.StepAsync("c", state);
        state.AsSpan().Clear();
        await sut.DisposeAsync();
        await sut.DisposeAsync();
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, b.Checkpoint.Id, c.Checkpoint.Id]);
        Encoding.UTF8.GetString((await _client.LoadLatestAsync(_execution))!.State.Span).ShouldBe("3");
    }

    [Fact]
    public async Task SaveInterval_Resume_SavesTheHeldStepBefore()
    {
        await using var sut = Open(o => (o.SaveInterval, o.TimeProvider) = (Interval, new ManualTime()));
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        await sut.ResumeAsync(a.Checkpoint.Id);
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, b.Checkpoint.Id]);
        (await sut.StepAsync("c", Bytes("3"))).Checkpoint.ParentId.ShouldBe(a.Checkpoint.Id);
    }

    [Fact]
    public async Task SaveInterval_HeldStepThatConflicts_SurfacesInTheNextCall()
    {
        var time = new ManualTime();
        await using var sut = Open(o => (o.SaveInterval, o.TimeProvider, o.FenceWriters) = (Interval, time, true));
        var a = await sut.StepAsync("a", Bytes("1"));
        await sut.StepAsync("b", Bytes("2"));
        await using var other = Open();
        var x = await other.StepAsync("x", Bytes("9"));
        time.Advance(Interval);
        (await Should.ThrowAsync<CheckpointConflictException>(() => sut.StepAsync("c", Bytes("3")))).ActualLatestId.ShouldBe(x.Checkpoint.Id);
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, x.Checkpoint.Id]);
        (await sut.ResumeAsync())!.Id.ShouldBe(x.Checkpoint.Id);
        (await sut.StepAsync("d", Bytes("4"))).Checkpoint.ParentId.ShouldBe(x.Checkpoint.Id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task MaxCheckpoints_OlderOnes_AreDeleted(int max)
    {
        await using var sut = Open(o => o.MaxCheckpoints = max);
        var ids = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            var step = await sut.StepAsync("n", Bytes($"{i}"));
            step.TrimFailure.ShouldBeNull();
            ids.Add(step.Checkpoint.Id);
            (await IdsAsync()).ShouldBe(ids.TakeLast(max));
        }

        (await _client.LoadAsync(new CheckpointKey(_execution, ids[0]))).ShouldBeNull();
        (await _client.LoadLatestAsync(_execution))!.Id.ShouldBe(ids[^1]);
    }

    [Fact]
    public async Task MaxCheckpoints_StreamThatHasMoreAlready_IsCut()
    {
        await using (var before = Open())
        {
            for (var i = 0; i < 12; i++)
            {
                await before.StepAsync("n", Bytes($"{i}"));
            }
        }

        var ids = await IdsAsync();
        await using var sut = Open(o => o.MaxCheckpoints = 3);
        await sut.ResumeAsync();
        var step = await sut.StepAsync("n", Bytes("12"));
        (await IdsAsync()).ShouldBe([.. ids.TakeLast(2), step.Checkpoint.Id]);
    }

    [Fact]
    public async Task MaxCheckpoints_TimeTravel_KeepsTheNewestAndTheLatest()
    {
        await using var sut = Open(o => o.MaxCheckpoints = 2);
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        await sut.ResumeAsync(a.Checkpoint.Id);
        var c = await sut.StepAsync("c", Bytes("3"));
        c.Checkpoint.ParentId.ShouldBe(a.Checkpoint.Id);
        (await IdsAsync()).ShouldBe([b.Checkpoint.Id, c.Checkpoint.Id]);
    }

    [Fact]
    public async Task FenceWriters_SecondSession_IsRefusedUntilItResumes()
    {
        await using var first = Open(o => o.FenceWriters = true);
        var a = await first.StepAsync("a", Bytes("1"));
        await using var second = Open(o => o.FenceWriters = true);
        var conflict = await Should.ThrowAsync<CheckpointConflictException>(() => second.StepAsync("x", Bytes("9")));
        (conflict.ExpectedLatestId, conflict.ActualLatestId).ShouldBe(("", a.Checkpoint.Id));
        second.HasUnsavedStep.ShouldBeFalse();

        await second.ResumeAsync();
        var x = await second.StepAsync("x", Bytes("9"));
        await Should.ThrowAsync<CheckpointConflictException>(() => first.StepAsync("b", Bytes("2")));
        await Should.ThrowAsync<CheckpointConflictException>(() => first.StepAsync("b", Bytes("2")));
        first.Current!.Id.ShouldBe(a.Checkpoint.Id);
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, x.Checkpoint.Id]);
    }

    [Fact]
    public async Task FenceWriters_TimeTravel_FencesAtTheEndOfTheStream()
    {
        await using var sut = Open(o => o.FenceWriters = true);
        var a = await sut.StepAsync("a", Bytes("1"));
        await sut.StepAsync("b", Bytes("2"));
        await sut.ResumeAsync(a.Checkpoint.Id);
        (await sut.StepAsync("c", Bytes("3"))).Checkpoint.ParentId.ShouldBe(a.Checkpoint.Id);
    }
}
