using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Sessions;

/// <summary>What a session does over every client. A class that derives from it says how one is made.</summary>
public abstract partial class CheckpointSessionConformanceTests : IAsyncLifetime
{
    private readonly string _execution = $"session-{Guid.NewGuid():N}";
    private ICheckpointClient _client = null!;

    public virtual async Task InitializeAsync() => _client = await CreateClientAsync();

    public virtual Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task StepAsync_EachStep_IsSavedAsTheChildOfTheOneBefore()
    {
        await using var sut = Open();
        sut.Current.ShouldBeNull();
        var a = await sut.StepAsync("plan", Bytes("1"), "text/plain", JsonElement.Parse("""{"k":1}"""));
        var b = await sut.StepAsync("act", new Progress(7, "ü"), TestJson.Default.Progress);
        (a.IsSaved, b.IsSaved, sut.HasUnsavedStep).ShouldBe((true, true, false));
        sut.Current!.Id.ShouldBe(b.Checkpoint.Id);

        var first = (await _client.LoadAsync(a.Checkpoint.Key)).ShouldNotBeNull();
        (first.ParentId, first.Version, first.NodeName, first.ContentType).ShouldBe((null, 1, "plan", "text/plain"));
        Encoding.UTF8.GetString(first.State.Span).ShouldBe("1");
        first.Metadata!.Value.GetProperty("k").GetInt32().ShouldBe(1);
        var latest = (await _client.LoadLatestAsync(_execution)).ShouldNotBeNull();
        (latest.Id, latest.ParentId, latest.Version, latest.NodeName).ShouldBe((b.Checkpoint.Id, a.Checkpoint.Id, 2, "act"));
        latest.Sequence.ShouldBe(b.Checkpoint.Sequence);
        latest.ReadState(TestJson.Default.Progress).ShouldBe(new Progress(7, "ü"));
    }

    [Fact]
    public async Task StepAsync_Object_IsJsonByReflection()
    {
        await using var sut = Open();
        var a = await sut.StepAsync("a", new Progress(7, "ü"), metadata: JsonElement.Parse("""{"k":1}"""));
        var b = await sut.StepAsync("b", new Progress(8, "u"), new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper });
        var first = (await _client.LoadAsync(a.Checkpoint.Key)).ShouldNotBeNull();
        (first.ContentType, first.ReadState<Progress>(), first.Metadata!.Value.GetProperty("k").GetInt32()).ShouldBe(("application/json", new Progress(7, "ü"), 1));
        Encoding.UTF8.GetString((await _client.LoadAsync(b.Checkpoint.Key))!.State.Span).ShouldContain("\"PAGE\"");
    }

    [Fact]
    public async Task StepAsync_BytesOfAnyKind_StayBytes()
    {
        await using var sut = Open();
        var bytes = Bytes("state");
        foreach (var step in new[] { await sut.StepAsync("a", bytes), await sut.StepAsync("b", bytes.AsMemory()), await sut.StepAsync("c", (ReadOnlyMemory<byte>)bytes) })
        {
            var loaded = (await _client.LoadAsync(step.Checkpoint.Key)).ShouldNotBeNull();
            (loaded.ContentType, Encoding.UTF8.GetString(loaded.State.Span)).ShouldBe(("application/octet-stream", "state"));
        }

        Should.Throw<ArgumentException>(() => sut.StepAsync("d", (object)bytes)).Message.ShouldContain("call the overload that takes bytes");
        Should.Throw<ArgumentException>(() => sut.StepAsync("d", CancellationToken.None)).Message.ShouldContain("The state is a CancellationToken");
        sut.Current!.NodeName.ShouldBe("c");
    }

    [Fact]
    public async Task StepAsync_BadValue_IsNotTaken()
    {
        await using var sut = Open();
        var a = await sut.StepAsync("a", Bytes("1"));
        (await Should.ThrowAsync<ArgumentException>(() => sut.StepAsync(new string('x', 257), Bytes("2")))).Message.ShouldContain("NodeName has 257 characters");
        await Should.ThrowAsync<ArgumentException>(() => sut.StepAsync("b", new byte[Contracts.CheckpointLimits.DefaultMaxStateBytes + 1]));
        sut.Current!.Id.ShouldBe(a.Checkpoint.Id);
        sut.HasUnsavedStep.ShouldBeFalse();
        (await sut.StepAsync("b", Bytes("2"))).Checkpoint.Version.ShouldBe(2);
        (await IdsAsync()).Length.ShouldBe(2);
    }

    [Fact]
    public async Task StepAsync_ManyAtOnce_AreAllSavedInOneLine()
    {
        await using var sut = Open();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => sut.StepAsync($"n{i}", Bytes($"{i}"))));
        var all = await ListAsync(sut);
        all.Select(c => c.Version).ShouldBe(Enumerable.Range(1, 20).Select(i => (long)i));
        all.Skip(1).Select(c => c.ParentId).ShouldBe(all.SkipLast(1).Select(c => c.Id));
    }

    [Fact]
    public async Task SaveAsync_AutoSaveOff_SavesTheNewestStepOnly()
    {
        await using (var sut = Open(o => o.AutoSave = false))
        {
            (await sut.StepAsync("a", Bytes("1"))).IsSaved.ShouldBeFalse();
            var state = Bytes("2");
            var b = await sut.StepAsync("b", state);
            state.AsSpan().Clear();
            (await IdsAsync()).ShouldBeEmpty();
            var saved = (await sut.SaveAsync()).ShouldNotBeNull();
            saved.Checkpoint.Id.ShouldBe(b.Checkpoint.Id);
            (await sut.SaveAsync()).ShouldBeNull();
            var latest = (await _client.LoadLatestAsync(_execution)).ShouldNotBeNull();
            (latest.Id, latest.ParentId, latest.Version).ShouldBe((b.Checkpoint.Id, null, 2));
            Encoding.UTF8.GetString(latest.State.Span).ShouldBe("2");
            await sut.StepAsync("c", Bytes("3"));
        }

        (await IdsAsync()).Length.ShouldBe(1);
    }

    [Fact]
    public async Task ResumeAsync_EmptyStream_IsNull()
    {
        await using var sut = Open();
        (await sut.ResumeAsync()).ShouldBeNull();
        (await sut.StepAsync("a", Bytes("1"))).Checkpoint.ParentId.ShouldBeNull();
    }

    [Fact]
    public async Task ResumeAsync_Latest_GoesOnFromThere()
    {
        await using var first = Open();
        await first.StepAsync("a", Bytes("1"));
        var b = await first.StepAsync("b", Bytes("2"));

        await using var sut = Open();
        var resumed = (await sut.ResumeAsync()).ShouldNotBeNull();
        Encoding.UTF8.GetString(resumed.State.Span).ShouldBe("2");
        var c = await sut.StepAsync("c", Bytes("3"));
        (c.Checkpoint.ParentId, c.Checkpoint.Version).ShouldBe((b.Checkpoint.Id, 3));
    }

    [Fact]
    public async Task ResumeAsync_AnOlderCheckpoint_BranchesAndDeletesNothing()
    {
        await using var sut = Open();
        var a = await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        var back = await sut.ResumeAsync(a.Checkpoint.Id);
        Encoding.UTF8.GetString(back.State.Span).ShouldBe("1");
        var c = await sut.StepAsync("c", Bytes("3"));
        (c.Checkpoint.ParentId, c.Checkpoint.Version).ShouldBe((a.Checkpoint.Id, 2));
        (await IdsAsync()).ShouldBe([a.Checkpoint.Id, b.Checkpoint.Id, c.Checkpoint.Id]);
        (await _client.LoadLatestAsync(_execution))!.Id.ShouldBe(c.Checkpoint.Id);
    }

    [Fact]
    public async Task ResumeAsync_UnknownCheckpoint_ThrowsAndStays()
    {
        await using var sut = Open();
        var a = await sut.StepAsync("a", Bytes("1"));
        await Should.ThrowAsync<CheckpointNotFoundException>(() => sut.ResumeAsync("never"));
        sut.Current!.Id.ShouldBe(a.Checkpoint.Id);
    }

    [Fact]
    public async Task ForkAsync_StartsANewExecutionAtTheCurrentCheckpoint()
    {
        var other = $"{_execution}-fork";
        await using var sut = Open(o => o.FenceWriters = true);
        await Should.ThrowAsync<InvalidOperationException>(() => sut.ForkAsync(other));
        await sut.StepAsync("a", Bytes("1"));
        var b = await sut.StepAsync("b", Bytes("2"));
        await using var fork = await sut.ForkAsync(other);
        fork.Current!.Id.ShouldBe(b.Checkpoint.Id);
        var c = await fork.StepAsync("c", Bytes("3"));
        (c.Checkpoint.ExecutionId, c.Checkpoint.ParentId, c.Checkpoint.Version).ShouldBe((other, b.Checkpoint.Id, 3));
        var copies = await ListAsync(fork, includeState: true);
        copies.Select(x => x.Id).ShouldBe([b.Checkpoint.Id, c.Checkpoint.Id]);
        Encoding.UTF8.GetString(copies[0].State.Span).ShouldBe("2");
        await sut.StepAsync("d", Bytes("4"));
        (await IdsAsync()).Length.ShouldBe(3);
        await Should.ThrowAsync<CheckpointConflictException>(() => sut.ForkAsync(other));
    }

    [Fact]
    public async Task ForkAsync_BufferedSession_Forks()
    {
        await using var sut = Open(o => o.Durability = Durability.Buffered);
        await sut.StepAsync("a", Bytes("1"));
        await sut.FlushAsync();
        await using var fork = await sut.ForkAsync($"{_execution}-fork");
        fork.Current!.NodeName.ShouldBe("a");
    }

    [Fact]
    public async Task ClearAsync_StartsAnew()
    {
        await using var sut = Open(o => o.FenceWriters = true);
        await sut.StepAsync("a", Bytes("1"));
        await sut.ClearAsync();
        sut.Current.ShouldBeNull();
        (await IdsAsync()).ShouldBeEmpty();
        var b = await sut.StepAsync("b", Bytes("2"));
        (b.Checkpoint.ParentId, b.Checkpoint.Version).ShouldBe((null, 1));
        (await IdsAsync()).ShouldBe([b.Checkpoint.Id]);
    }

    [Fact]
    public async Task Namespaces_AreStreamsOfTheirOwn()
    {
        await using var outer = Open();
        await using var inner = Open(o => (o.Namespace, o.MaxCheckpoints) = ("sub", 1));
        var a = await outer.StepAsync("a", Bytes("1"));
        await inner.StepAsync("x", Bytes("2"));
        var y = await inner.StepAsync("y", Bytes("3"));
        (await ListAsync(inner)).Select(c => c.Id).ShouldBe([y.Checkpoint.Id]);
        (await ListAsync(outer)).Select(c => c.Id).ShouldBe([a.Checkpoint.Id]);
    }

    [Fact]
    public async Task Options_OutOfBounds_AreAllNamed()
    {
        var message = Should.Throw<ArgumentException>(() => Open(o =>
        {
            o.Namespace = "a\n";
            o.SaveInterval = TimeSpan.FromDays(2);
            o.MaxCheckpoints = 0;
            o.Durability = (Durability)9;
        })).Message;
        message.ShouldContain("Namespace has the control character U+000A");
        message.ShouldContain("SaveInterval is 2.00:00:00; 00:00:00 to 1.00:00:00 is allowed");
        message.ShouldContain("MaxCheckpoints is 0; 1 to 1000000 are allowed");
        message.ShouldContain("Durability is 9; Buffered, Cached, Queued, Persisted are allowed");
        Should.Throw<ArgumentException>(() => Open(o => (o.AutoSave, o.SaveInterval) = (false, TimeSpan.FromSeconds(1)))).Message.ShouldContain("AutoSave is False");
        Should.Throw<ArgumentException>(() => Open(o => (o.FenceWriters, o.Durability) = (true, Durability.Buffered))).Message.ShouldContain("FenceWriters is True");
        Should.Throw<ArgumentException>(() => _client.OpenSession("")).Message.ShouldContain("1 to 256");
        var sut = Open();
        await sut.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => sut.StepAsync("a", Bytes("1")));
    }

    /// <summary>A client over this test's stores.</summary>
    protected abstract Task<ICheckpointClient> CreateClientAsync();

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static async Task<List<Checkpoint>> ListAsync(CheckpointSession session, bool includeState = false)
    {
        var all = new List<Checkpoint>();
        await foreach (var checkpoint in session.ListAsync(oldestFirst: true, includeState))
        {
            all.Add(checkpoint);
        }

        return all;
    }

    private CheckpointSession Open(Action<CheckpointSessionOptions>? configure = null)
    {
        var options = new CheckpointSessionOptions { Durability = Durability.Persisted };
        configure?.Invoke(options);
        return _client.OpenSession(_execution, options);
    }

    private async Task<string[]> IdsAsync() => [.. (await ListAsync(_client.OpenSession(_execution))).Select(c => c.Id)];

    internal sealed record Progress(int Page, string Note);

    [JsonSerializable(typeof(Progress))]
    internal sealed partial class TestJson : JsonSerializerContext;
}
