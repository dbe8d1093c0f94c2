using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spool;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Spooling;

public sealed class SqliteCommandSpoolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("spool");

    private string File => Path.Combine(_folder.FullName, "deeper", "spool.db");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Peek_AfterReopening_GivesTheMessagesInTheirOrder()
    {
        using (var sut = CreateSut())
        {
            sut.IsEmpty.ShouldBeTrue();
            for (var i = 0; i < 3; i++)
            {
                (await sut.TryAppendAsync(Message($"m{i}"))).ShouldBeTrue();
            }
        }

        using (var sut = CreateSut())
        {
            var first = await sut.PeekAsync(2);
            first.Select(spooled => spooled.Message).ShouldBe([Message("m0"), Message("m1")]);
            await sut.TryAppendAsync(Message("m3"));
            await sut.RemoveAsync(first);
            sut.IsEmpty.ShouldBeFalse();
            var rest = await sut.PeekAsync(10);
            rest.Select(spooled => spooled.Message).ShouldBe([Message("m2"), Message("m3")]);
            sut.Bytes.ShouldBe(rest.Sum(spooled => spooled.Bytes));
            await sut.RemoveAsync(rest);
            (await sut.PeekAsync(10)).ShouldBeEmpty();
            sut.IsEmpty.ShouldBeTrue();
        }
    }

    [Theory]
    [InlineData("UPDATE spool SET body = x'ffff' WHERE id = 1", "checksum")]
    [InlineData("UPDATE spool SET body = 'text' WHERE id = 1", "checksum")]
    [InlineData("UPDATE spool SET sha256 = 7 WHERE id = 1", "checksum")]
    [InlineData("UPDATE spool SET body = x'', sha256 = x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' WHERE id = 1", "schema version is 0")]
    public async Task Peek_DamagedRow_PutsItAsideAndGoesOn(string damage, string reason)
    {
        using (var sut = CreateSut())
        {
            await sut.TryAppendAsync(Message("damaged"));
            await sut.TryAppendAsync(Message("good"));
        }

        Query(damage);
        using (var sut = CreateSut())
        {
            (await sut.PeekAsync(10)).ShouldHaveSingleItem().Message.CommandId.ShouldBe("good");
        }

        $"{Query("SELECT reason FROM rejected")}".ShouldContain(reason);
    }

    [Fact]
    public async Task TryAppend_BeyondItsSize_IsRefusedUntilThereIsRoom()
    {
        using var sut = CreateSut(maxBytes: 1024 * 1024);
        var half = Message("big", bytes: 600_000);
        (await sut.TryAppendAsync(half)).ShouldBeTrue();
        (await sut.TryAppendAsync(half)).ShouldBeFalse();
        await sut.RemoveAsync(await sut.PeekAsync(1));
        (await sut.TryAppendAsync(half)).ShouldBeTrue();
    }

    [Fact]
    public async Task TryAppend_FileOfAnotherClient_IsRefused()
    {
        using var first = CreateSut();
        (await first.TryAppendAsync(Message("m"))).ShouldBeTrue();
        using var second = CreateSut();
        (await second.TryAppendAsync(Message("n"))).ShouldBeFalse();
        await Should.ThrowAsync<CheckpointUnavailableException>(() => second.PeekAsync(1));
    }

    [Fact]
    public async Task TryAppend_NotADatabase_IsRefused()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        await System.IO.File.WriteAllTextAsync(File, new string('x', 10_000));
        using var sut = CreateSut();
        (await sut.TryAppendAsync(Message("m"))).ShouldBeFalse();
    }

    private static CheckpointCommands Message(string id, int bytes = 10) => new()
    {
        SchemaVersion = 1,
        CommandId = id,
        Saves = { new SaveCheckpoint { Sequence = 1, Record = Google.Protobuf.ByteString.CopyFrom(new byte[bytes]) } },
    };

    private SqliteCommandSpool CreateSut(long maxBytes = 1024 * 1024 * 1024) => new(
        Options.Create(new CheckpointSpoolOptions { SpoolPath = File, MaxSpoolBytes = maxBytes }), NullLogger<SqliteCommandSpool>.Instance);

    private object? Query(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
