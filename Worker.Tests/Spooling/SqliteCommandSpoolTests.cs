using System.Security.Cryptography;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spool;
using AsyncCheckpoints.Tests.Faults;
using AsyncCheckpoints.Tests.Http;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Wire;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
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
            sut.Bytes.ShouldBeNull();
            sut.IsEmpty.ShouldBeFalse();
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

    /// <summary>An application may run for months after an outage: what it has sent is not to be found on its disk.</summary>
    [Fact]
    public async Task Remove_TheLast_LeavesNothingInTheFilesAndGivesTheirRoomBack()
    {
        using var sut = CreateSut();
        await sut.TryAppendAsync(Message("whatPersonSaid", bytes: 1_000_000));
        await sut.TryAppendAsync(Message("whatOthersSaid"));
        await sut.RemoveAsync(await sut.PeekAsync(1));
        RawStores.InFiles("whatPersonSaid", _folder.FullName).ShouldNotBeEmpty();

        await sut.RemoveAsync(await sut.PeekAsync(1));

        ShouldHoldNothing();
        await sut.TryAppendAsync(Message("next"));
        (await sut.PeekAsync(2)).Select(spooled => spooled.Message).ShouldBe([Message("next")]);
    }

    [Fact]
    public async Task Peek_FileOfAnApplicationThatWasKilledWhenItHadSentAll_LeavesNothingInTheFiles()
    {
        using (var killed = CreateSut())
        {
            await killed.TryAppendAsync(Message("whatPersonSaid", bytes: 1_000_000));
        }

        Query("DELETE FROM spool");
        RawStores.InFiles("whatPersonSaid", _folder.FullName).ShouldNotBeEmpty();
        using var sut = CreateSut();

        (await sut.PeekAsync(1)).ShouldBeEmpty();

        ShouldHoldNothing();
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

    /// <summary>2,000 generated rows: of another type, damaged, too large, of another version; some are right.</summary>
    [Fact]
    public async Task Peek_GeneratedRows_GivesEveryGoodOneInItsOrderAndPutsTheOthersAside()
    {
        const int rows = 2000;
        using (var sut = CreateSut())
        {
            (await sut.TryAppendAsync(Message("first"))).ShouldBeTrue();
        }

        var random = new Random(3804);
        var nasty = new Nasty(random);
        var good = new List<CheckpointCommands> { Message("first") };
        using (var connection = Open())
        using (var transaction = connection.BeginTransaction())
        {
            for (var i = 0; i < rows; i++)
            {
                var (body, sha256) = Row(nasty, random, i);
                Execute(connection, "INSERT INTO spool (body, sha256) VALUES ($body, $sha256)", ("$body", body), ("$sha256", sha256));
                if (body is byte[] bytes && sha256 is byte[] hash && hash.AsSpan().SequenceEqual(SHA256.HashData(bytes)) && CheckpointCommands.Parser.TryParse(bytes) is { SchemaVersion: 1 } message)
                {
                    good.Add(message);
                }
            }

            transaction.Commit();
        }

        good.Count.ShouldBeInRange(rows / 10, rows / 2);
        var given = new List<CheckpointCommands>();
        using (var sut = CreateSut())
        {
            while (await sut.PeekAsync(64) is { Count: > 0 } next)
            {
                given.AddRange(next.Select(spooled => spooled.Message));
                await sut.RemoveAsync(next);
            }

            sut.IsEmpty.ShouldBeTrue();
            (await sut.TryAppendAsync(Message("last"))).ShouldBeTrue();
        }

        given.ShouldBe(good);
        Query("SELECT count(*) FROM rejected WHERE length(reason) > 0").ShouldBe(1L + rows - good.Count);
        Query("SELECT count(*) FROM spool").ShouldBe(1L);
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

    /// <summary>The drain tries again every few seconds, and for ever.</summary>
    [Fact]
    public async Task Peek_CannotBeOpened_IsLoggedAtOnceAndEachMinuteUntilItIsEmpty()
    {
        var time = new ManualTime();
        var log = new LogRecorder();
        using (var other = CreateSut())
        {
            (await other.TryAppendAsync(Message("m"))).ShouldBeTrue();
        }

        using var sut = CreateSut(time: time, log: log);
        using (var connection = Open())
        {
            Execute(connection, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
            await FailAsync();
            await FailAsync();
            time.Advance(TimeSpan.FromSeconds(59));
            await FailAsync();
            Failures().ShouldBe(1);
            time.Advance(TimeSpan.FromSeconds(1));
            await FailAsync();
            Failures().ShouldBe(2);
            sut.Bytes.ShouldBeNull();
        }

        await sut.RemoveAsync(await sut.PeekAsync(1));
        (await sut.PeekAsync(1)).ShouldBeEmpty();
        (await sut.PeekAsync(1)).ShouldBeEmpty();

        sut.Bytes.ShouldBe(0);
        Failures().ShouldBe(2);
        log.Lines.Count(line => line.StartsWith($"Information The spool {File} was emptied", StringComparison.Ordinal)).ShouldBe(1);

        Task FailAsync() => Should.ThrowAsync<CheckpointUnavailableException>(() => sut.PeekAsync(1));
        int Failures() => log.Lines.Count(line => line.StartsWith($"Error The spool {File} could not be read", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Remove_CannotBeWritten_IsLogged()
    {
        var log = new LogRecorder();
        using (var other = CreateSut())
        {
            (await other.TryAppendAsync(Message("m"))).ShouldBeTrue();
        }

        Query("CREATE TRIGGER kept BEFORE DELETE ON spool BEGIN SELECT raise(ABORT, 'no delete'); END");
        using var sut = CreateSut(log: log);
        var messages = await sut.PeekAsync(1);

        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.RemoveAsync(messages));

        var line = log.Lines.Single(line => line.StartsWith("Error ", StringComparison.Ordinal));
        line.ShouldContain(File);
        line.ShouldContain("no delete");
    }

    private void ShouldHoldNothing()
    {
        RawStores.InFiles("Said", _folder.FullName).ShouldBeEmpty();
        _folder.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length).ShouldBeLessThan(100_000);
    }

    private static CheckpointCommands Message(string id, int bytes = 10) => new()
    {
        SchemaVersion = 1,
        CommandId = id,
        Saves = { new SaveCheckpoint { Sequence = 1, Record = ByteString.CopyFrom(new byte[bytes]) } },
    };

    private SqliteCommandSpool CreateSut(long maxBytes = 1024 * 1024 * 1024, TimeProvider? time = null, LogRecorder? log = null)
    {
        using var logging = LoggerFactory.Create(builder => builder.AddProvider(log ?? new LogRecorder()));
        return new(
            Options.Create(new CheckpointSpoolOptions { SpoolPath = File, MaxSpoolBytes = maxBytes }),
            time ?? TimeProvider.System,
            logging.CreateLogger<SqliteCommandSpool>());
    }

    private static (object Body, object Sha256) Row(Nasty nasty, Random random, int number)
    {
        var body = Message($"m{number}", bytes: random.Next(200)).ToByteArray();
        switch (number == 1000 ? -1 : random.Next(9))
        {
            case -1:
                body = new byte[100 * 1024 * 1024];
                return (body, SHA256.HashData(body));
            case 0:
                return (nasty.Spoil(body), SHA256.HashData(body));
            case 1:
                body = nasty.Spoil(body);
                return (body, SHA256.HashData(body));
            case 2:
                return (body, nasty.Bytes(40));
            case 3:
                return (random.Next(2) == 0 ? random.NextInt64() : random.NextDouble(), SHA256.HashData(body));
            case 4:
                return (Convert.ToHexString(body), SHA256.HashData(body));
            case 5:
                return (body, Convert.ToHexStringLower(SHA256.HashData(body)));
            case 6:
                var other = Message($"m{number}");
                other.SchemaVersion = random.Next(2, 1000);
                return (other.ToByteArray(), SHA256.HashData(other.ToByteArray()));
            default:
                return (body, SHA256.HashData(body));
        }
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        return connection;
    }

    private object? Query(string sql)
    {
        using var connection = Open();
        return Execute(connection, sql);
    }

    private static object? Execute(SqliteConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command.ExecuteScalar();
    }
}
