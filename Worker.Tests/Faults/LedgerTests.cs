using System.Globalization;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

public sealed class LedgerTests
{
    [Fact]
    public void Add_TextOfAKilledChild_IsWhatItHadAsked()
    {
        using var file = new StringWriter(CultureInfo.InvariantCulture);
        var child = new Ledger(file);
        child.Acknowledge(child.Begin(Save(1, "app.0")), Durability.Cached, -5);
        child.Begin(Save(2, "app.0"));
        child.Acknowledge(child.Begin(Save(3, "app.0")), Durability.Buffered, -7, isSpooled: true);
        child.Acknowledge(child.Begin(new Operation(1, "app.1", 9, OperationKind.Clear, new CheckpointKey("run", "", ""), "-")), Durability.Queued, 0);

        var sut = new Ledger();
        sut.Add(file + "done\tapp.0\t2\tQueu");

        sut.Snapshot().ShouldBe(child.Snapshot());
        sut.Acknowledged.ShouldBe(3);
    }

    /// <summary>The application of an older build (make upgrade).</summary>
    [Fact]
    public void Add_LineWithoutSpool_IsNotSpooled()
    {
        var sut = new Ledger();
        sut.Add(Save(1, "older.0").ToLine() + "\ndone\tolder.0\t1\tQueued\t5\n");

        var operation = sut.Snapshot().ShouldHaveSingleItem();
        (operation.Reached, operation.Sequence, operation.IsSpooled).ShouldBe((Durability.Queued, 5, false));
    }

    [Fact]
    public void ForgetBuffered_OfOneApplication_LeavesTheOthersAndWhatIsSpooled()
    {
        var sut = new Ledger();
        sut.Acknowledge(sut.Begin(Save(1, "app1.0")), Durability.Buffered, 0);
        sut.Acknowledge(sut.Begin(Save(2, "app1.0")), Durability.Cached, 0);
        sut.Acknowledge(sut.Begin(Save(3, "app1.0")), Durability.Buffered, -9, isSpooled: true);
        sut.Acknowledge(sut.Begin(Save(3, "app10.0")), Durability.Buffered, 0);

        sut.ForgetBuffered("app1.");

        sut.Snapshot().Select(operation => operation.Reached).ShouldBe([null, Durability.Cached, Durability.Buffered, Durability.Buffered]);
    }

    private static Operation Save(int number, string owner) =>
        new(number, owner, number, OperationKind.Save, new CheckpointKey("run", "sub/{graph}", $"{number}"), $"{owner}#{number}");
}
