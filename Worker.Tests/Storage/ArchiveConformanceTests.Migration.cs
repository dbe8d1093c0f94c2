using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public abstract partial class ArchiveConformanceTests
{
    [Fact]
    public async Task MigrateAsync_TenAtOnce_ExactlyOneApplies()
    {
        var archives = Enumerable.Range(0, 10).Select(_ => Open()).ToArray();

        var applied = await Task.WhenAll(archives.Select(a => Task.Run(() => a.MigrateAsync(default))));

        applied.Where(n => n > 0).ShouldHaveSingleItem();
        await Task.WhenAll(archives.Select((a, i) => CommitAsync(a, Make("e", $"{i}", i + 1))));
        (await FindAsync(archives[0], All("e"))).Items.Count.ShouldBe(10);
        (await archives[3].MigrateAsync(default)).ShouldBe(0);
    }

    [Fact]
    public async Task MigrateAsync_NewerSchema_IsRefused()
    {
        var sut = await CreateSut();
        await ExecuteAsync($"INSERT INTO {{tables}}schema_version (version, name, applied_at) VALUES (9999, 'from the future', {Past})");

        var e = await Should.ThrowAsync<CheckpointException>(() => sut.MigrateAsync(default));

        e.Message.ShouldContain("9999");
        e.Hint.ShouldNotBeNull();
        TransientErrors.IsTransient(e).ShouldBeFalse();
    }

    [Fact]
    public async Task ClaimAsync_TenAtOnce_OneHasIt()
    {
        var archives = Enumerable.Range(0, 10).Select(_ => Open()).ToArray();
        await archives[0].MigrateAsync(default);

        var claims = await Task.WhenAll(archives.Select((archive, i) => Task.Run(() => TryClaimAsync(archive, $"it's {i}"))));

        claims.Where(isMine => isMine).ShouldHaveSingleItem();
        var owner = Array.IndexOf(claims, true);
        (await TryClaimAsync(archives[3], $"it's {owner}")).ShouldBeTrue();
        var e = await Should.ThrowAsync<CheckpointException>(() => archives[owner].ClaimAsync("another's", default));
        e.Message.ShouldContain($"'it's {owner}'");
        TransientErrors.IsTransient(e).ShouldBeFalse();

        // As the hint says.
        var hint = e.Hint!;
        await ExecuteAsync(hint[hint.IndexOf("UPDATE", StringComparison.Ordinal)..].TrimEnd('.'));
        (await TryClaimAsync(archives[owner], "another's")).ShouldBeTrue();
        (await TryClaimAsync(archives[3], $"it's {owner}")).ShouldBeFalse();

        static async Task<bool> TryClaimAsync(ICheckpointArchive archive, string prefix)
        {
            try
            {
                await archive.ClaimAsync(prefix, default);
                return true;
            }
            catch (CheckpointException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Create_TwoPrefixes_AreIsolated()
    {
        var a = await CreateSut("tenant_a_");
        var b = await CreateSut("tenant_b_");
        await a.CommitAsync(new ArchiveBatch([Command("same", Make("e", "a", 1))], [new("d", "r", "t", default, null)]), default);
        (await b.CommitAsync(Batch(Command("same", Make("e", "b", 1))), default)).Archived.ShouldBe(1);

        (await IdsAsync(a, All("e"))).ShouldBe("a");
        (await IdsAsync(b, All("e"))).ShouldBe("b");
        (await b.ListDeadLettersAsync(null, 10, true, default)).ShouldBeEmpty();
        (await ClaimAllAsync(a)).Count.ShouldBe(1);
        (await ClaimAllAsync(b)).Count.ShouldBe(1);
        await DeleteAsync(a, new Tombstone("e", null, null, 9, false));
        (await IdsAsync(b, All("e"))).ShouldBe("b");
    }
}
