using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

public sealed class EventJournalTests
{
    private readonly EventJournal _sut = new();

    [Fact]
    public void Vanished_AnnouncedAndNotThere_IsNamed()
    {
        Add(Persisted("there", 10), Persisted("gone", 20), Persisted("older there", 40));
        _sut.Add(new CheckpointEvents { Persisted = [Persisted("1", 50) with { ExecutionId = "not asked for" }] });

        _sut.Vanished(Rows(("there", 10), ("older there", 30))).ShouldBe(["run/gone at 20", "run/older there at 40"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("", "1", 20, true)]
    [InlineData("", "1", 30, true)]
    [InlineData(null, null, 20, true)]
    [InlineData("", "1", 10, false)]
    [InlineData("", "2", 20, false)]
    [InlineData("other", "1", 20, false)]
    public void Vanished_DeletionAnnounced_IsNotWhereThatCoversIt(string? ns, string? id, long sequence, bool isCovered)
    {
        Add(Persisted("1", 20));
        _sut.Add(new CheckpointEvents { Deleted = [Deleted("d", ns, id, sequence)] });

        _sut.Vanished(Rows()).Count.ShouldBe(isCovered ? 0 : 1);
        (_sut.DeletionOf(new CheckpointKey("run", "1"), 20) is not null).ShouldBe(isCovered);
    }

    [Fact]
    public void Unstable_RepeatsUnderTheSameId_AreNone()
    {
        for (var i = 0; i < 2; i++)
        {
            Add(Persisted("1", 20));
            _sut.Add(new CheckpointEvents { Deleted = [Deleted("d", null, null, 20)] });
        }

        _sut.Unstable().ShouldBeEmpty();
        _sut.Knows(new CheckpointKey("run", "1"), 20).ShouldBeTrue();
        _sut.Knows(new CheckpointKey("run", "1"), 10).ShouldBeFalse();
    }

    [Fact]
    public void Unstable_OtherIdOrSharedId_IsNamed()
    {
        Add(Persisted("1", 20), Persisted("1", 20) with { EventId = "again" });
        _sut.Add(new CheckpointEvents { Deleted = [Deleted("x", "", "1", 30), Deleted("y", "", "1", 30), Deleted("shared", "", "2", 30), Deleted("shared", "", "3", 30)] });

        var unstable = _sut.Unstable();

        unstable.Count.ShouldBe(3);
        unstable.ShouldContain(line => line.StartsWith("run/1 at 20 has the event ids", StringComparison.Ordinal));
        unstable.ShouldContain(line => line.EndsWith("has the event ids x, y", StringComparison.Ordinal));
        unstable.ShouldContain("shared stands for 2 changes");
    }

    private static CheckpointPersisted Persisted(string id, long sequence) =>
        new() { EventId = $"{id}:{sequence}", ExecutionId = "run", Namespace = "", Id = id, Sequence = sequence };

    private static CheckpointDeleted Deleted(string eventId, string? ns, string? id, long sequence) =>
        new() { EventId = eventId, ExecutionId = "run", Namespace = ns, Id = id, Sequence = sequence };

    private static Dictionary<string, List<Checkpoint>> Rows(params (string Id, long Sequence)[] rows) => new()
    {
        ["run"] = [.. rows.Select(row => new Checkpoint { ExecutionId = "run", Id = row.Id, Sequence = row.Sequence })],
    };

    private void Add(params CheckpointPersisted[] persisted) => _sut.Add(new CheckpointEvents { Persisted = persisted });
}
