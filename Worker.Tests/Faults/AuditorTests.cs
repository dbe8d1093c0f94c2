using System.Security.Cryptography;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.InProcess;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>The judge of the fault tests finds what they look for, and nothing where all is well.</summary>
public sealed class AuditorTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("asynccheckpoints-auditor-").FullName;
    private readonly Ledger _ledger = new();
    private readonly InProcessCheckpointCache _cache = new(TimeProvider.System);
    private int _number;

    public async Task InitializeAsync()
    {
        await using var archive = OpenArchive();
        await archive.MigrateAsync(CancellationToken.None);
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Audit_AllAsPromised_IsClean()
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("replaced"), 10), 10);
        await StoreAsync(Acknowledge(OperationKind.Save, Key("replaced"), 20), 20);
        Acknowledge(OperationKind.Save, Key("deleted"), 30);
        Acknowledge(OperationKind.Delete, Key("deleted"));
        Begin(OperationKind.Save, Key("not acknowledged, lost"));
        await StoreAsync(Begin(OperationKind.Save, Key("not acknowledged, archived")), 40);
        Acknowledge(OperationKind.Save, Key("before", "cleared"), 50);
        Acknowledge(OperationKind.Clear, Key("", "cleared"));
        await StoreAsync(Acknowledge(OperationKind.Save, Key("after", "cleared"), 60), 60);

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeTrue(verdict.ToString());
        verdict.ToString().ShouldBe("7 acknowledged, 3 archived, 0 lost, 0 duplicated, 0 resurrected");
    }

    [Fact]
    public async Task Audit_AcknowledgedSaveIsNotThere_IsLost()
    {
        Acknowledge(OperationKind.Save, Key("1"), 10);

        var verdict = await AuditAsync();

        (verdict.IsClean, verdict.Lost).ShouldBe((false, 1));
        verdict.ToString().ShouldContain("Lost: run/1: Save w.0#1 → Queued at 10");
    }

    [Fact]
    public async Task Audit_OldContentAfterAcknowledgedSave_IsLost()
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), 10), 10);
        Acknowledge(OperationKind.Save, Key("1"), 20);

        var verdict = await AuditAsync();

        (verdict.IsClean, verdict.Lost).ShouldBe((false, 1));
        verdict.ToString().ShouldContain("Lost: run/1 has w.0#1 at 10");
    }

    [Fact]
    public async Task Audit_SomethingElseThanWasSaved_IsNamed()
    {
        var state = CheckpointOf(Acknowledge(OperationKind.Save, Key("state"), 10), 10);
        await StoreAsync(state with { State = (byte[])[.. state.State.ToArray(), 0] });
        var version = CheckpointOf(Acknowledge(OperationKind.Save, Key("version"), 20), 20);
        await StoreAsync(version with { Version = unchecked(version.Version + 1) });

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeFalse();
        verdict.Lost.ShouldBe(0, verdict.ToString());
        verdict.ToString().ShouldContain("run/state is not what was saved: a state of ");
        verdict.ToString().ShouldContain("run/version is not what was saved");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Audit_DeletedCheckpointIsThere_IsResurrected(bool isClear)
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), 10), 10);
        Acknowledge(isClear ? OperationKind.Clear : OperationKind.Delete, Key(isClear ? "" : "1"));

        var verdict = await AuditAsync();

        (verdict.IsClean, verdict.Resurrected, verdict.Lost).ShouldBe((false, 1, 0));
        verdict.ToString().ShouldContain("Resurrected: run/1 has w.0#1 at 10");
    }

    [Fact]
    public async Task Audit_LaterStepRanksBefore_IsNamed()
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), step: 1), 20);
        await StoreAsync(Acknowledge(OperationKind.Save, Key("2"), step: 2), 10);

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeFalse();
        verdict.ToString().ShouldContain("run/2 of step 2 is at 10, not behind 20 of a step before");
    }

    [Fact]
    public async Task Audit_BurstInAnyOrder_IsClean()
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), step: 1), 20);
        await StoreAsync(Acknowledge(OperationKind.Save, Key("2"), step: 1), 10);

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeTrue(verdict.ToString());
    }

    [Theory]
    [InlineData(10, 10, true)]
    [InlineData(10, 20, false)]
    [InlineData(-10, 20, true)]
    [InlineData(-10, 5, false)]
    [InlineData(0, 5, true)]
    public async Task Audit_OtherSequenceThanTold_IsNamed(long told, long archived, bool isClean)
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), told), archived);

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBe(isClean, verdict.ToString());
        if (!isClean)
        {
            verdict.ToString().ShouldContain($"run/1 is at {archived}; its caller was told {told}");
        }
    }

    [Fact]
    public async Task Audit_SameSaveUnderAnotherIdAndSequence_IsDuplicated()
    {
        var save = Acknowledge(OperationKind.Save, Key("1"), 10);
        await StoreAsync(save, 10);
        await StoreAsync(save with { Key = Key("2") }, 20);

        var verdict = await AuditAsync();

        (verdict.IsClean, verdict.Duplicated).ShouldBe((false, 1));
        verdict.ToString().ShouldContain("Duplicated: w.0#1 is in ");
        verdict.ToString().ShouldContain("run/2 was never saved");
    }

    [Fact]
    public async Task Audit_CacheHasNewerThanTheArchive_IsNamed()
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), 10), 10);
        await CacheAsync(CheckpointOf(Begin(OperationKind.Save, Key("2")), 20));

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeFalse();
        verdict.ToString().ShouldContain("Redis has run/2 at 20 in place 0");
    }

    [Fact]
    public async Task Audit_CacheHasOtherContent_IsNamed()
    {
        var saved = CheckpointOf(Acknowledge(OperationKind.Save, Key("1"), 10), 10);
        await ArchiveAsync(saved);
        await CacheAsync(saved with { NodeName = "other" });

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeFalse();
        verdict.ToString().ShouldContain("Redis has run/1 at 10 in place 0");
    }

    [Fact]
    public async Task Audit_CacheHasOnlyTheNewest_IsClean()
    {
        await ArchiveAsync(CheckpointOf(Acknowledge(OperationKind.Save, Key("1"), 10), 10));
        await StoreAsync(Acknowledge(OperationKind.Save, Key("2"), 20), 20);

        var verdict = await AuditAsync();

        verdict.IsClean.ShouldBeTrue(verdict.ToString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Audit_CacheHasNothingOfAStream_IsNamedUnlessItHasLostData(bool hasLostData)
    {
        await StoreAsync(Acknowledge(OperationKind.Save, Key("1"), 10), 10);
        await ArchiveAsync(CheckpointOf(Acknowledge(OperationKind.Save, Key("2", "other"), 20), 20));

        var verdict = await AuditAsync(hasLostData);

        verdict.IsClean.ShouldBe(hasLostData, verdict.ToString());
        if (!hasLostData)
        {
            verdict.ToString().ShouldContain("Redis has nothing of (other, ), of which the archive has 1");
        }
    }

    [Fact]
    public void ToString_ManyProblems_SaysHowManyMore()
    {
        var verdict = new Verdict();
        for (var i = 0; i < 42; i++)
        {
            verdict.AddLost($"{i}");
        }

        verdict.ToString().ShouldStartWith("0 acknowledged, 0 archived, 42 lost");
        verdict.ToString().ShouldEndWith("Lost: 39\n  and 2 more");
    }

    private static CheckpointKey Key(string id, string executionId = "run") => new(executionId, id);

    private static Checkpoint CheckpointOf(Operation save, long sequence) => Operation.CheckpointOf(save.Key, save.Token) with { Sequence = sequence };

    private Operation Begin(OperationKind kind, CheckpointKey key, int? step = null)
    {
        var number = ++_number;
        return _ledger.Begin(new Operation(number, "w.0", step ?? number, kind, key, $"w.0#{number}"));
    }

    private Operation Acknowledge(OperationKind kind, CheckpointKey key, long sequence = 0, int? step = null)
    {
        var operation = Begin(kind, key, step);
        _ledger.Acknowledge(operation, Durability.Queued, sequence);
        return operation;
    }

    private Task StoreAsync(Operation save, long sequence) => StoreAsync(CheckpointOf(save, sequence));

    private async Task StoreAsync(Checkpoint checkpoint)
    {
        await ArchiveAsync(checkpoint);
        await CacheAsync(checkpoint);
    }

    private async Task ArchiveAsync(Checkpoint checkpoint)
    {
        var save = new ArchiveSave(checkpoint, SHA256.HashData(checkpoint.State.Span), false);
        await using var archive = OpenArchive();
        var commit = await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [save], [])], []), CancellationToken.None);
        commit.Archived.ShouldBe(1);
    }

    private Task<CachePut> CacheAsync(Checkpoint checkpoint) =>
        _cache.PutAsync(CheckpointCodec.Encode(checkpoint), checkpoint.Sequence, default, pending: true, CancellationToken.None);

    private async Task<Verdict> AuditAsync(bool hasLostData = false)
    {
        var verdict = new Verdict();
        var sut = new Auditor(_ledger.Snapshot(), operation => operation.Reached is not null, _ => false, verdict);
        await using var archive = OpenArchive();
        await sut.AuditCacheAsync(_cache, await sut.AuditArchiveAsync(archive), _ => hasLostData);
        return verdict;
    }

    private SqliteArchive OpenArchive() => new(new SqliteArchiveOptions { Path = Path.Combine(_folder, "a.db") }, TimeProvider.System);
}
