using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spool;
using AsyncCheckpoints.Tests.Jobs;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>'erase --spool': afterwards the person's text is nowhere in the bytes of the file and of what lies beside it.</summary>
public sealed class EraseSpoolTests : IDisposable
{
    private const string Secret = "whatPerson7Said";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("erase-spool-");
    private int _messages;

    private string Spool => Path.Combine(_folder.FullName, "spool.db");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>A killed application leaves most of it in the write-ahead log.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_Executions_LeavesNoneOfTheirBytesAndAllElseInItsOrder(bool isKilled)
    {
        var deletions = new CheckpointCommands { SchemaVersion = 1, CommandId = "deletions" };
        deletions.Clears.Add(new ClearExecution { ExecutionId = "person-7-a", Sequence = 5 });
        var mixed = Message(Save("person-70"), Save("person-7-a"), Save("person-8"), Save("person-7-b"));
        CheckpointCommands[] spooled =
        [
            Message(Save("person-8")), Message(Save("person-7-a")), mixed, deletions, .. Enumerable.Range(0, 40).Select(_ => Message(Save("person-7-c"), Save("person-9"))),
        ];
        await FillAsync(spooled, isKilled);
        RawStores.InFiles(Secret, _folder.FullName).ShouldContain(isKilled ? "file spool.db-wal" : "file spool.db");
        if (!isKilled)
        {
            (await RunAsync(0, "--executions", "person-7-*", "--dry-run")).ShouldBe($"{Spool}\tfindings=0\twouldErase=43\n");
            (await ReadAsync()).ShouldBe(spooled);
        }

        (await RunAsync(0, "--executions", "person-7-*")).ShouldBe($"{Spool}\tfindings=0\terased=43\n");

        RawStores.InFiles(Secret, _folder.FullName).ShouldBeEmpty();
        RawStores.InFiles("what others said", _folder.FullName).ShouldBe(["file spool.db"]);
        (await ReadAsync()).ShouldBe(spooled.Select(Rest).OfType<CheckpointCommands>());
        (await RunAsync(0, "--executions", "person-7-*")).ShouldBe($"{Spool}\tfindings=0\terased=0\n");

        static CheckpointCommands? Rest(CheckpointCommands message)
        {
            var rest = message.Clone();
            rest.Saves.Clear();
            rest.Saves.AddRange(message.Saves.Where(save => !CheckpointCodec.Parse(save.Record.Memory).ExecutionId.StartsWith("person-7-", StringComparison.Ordinal)));
            return rest.Saves.Count + rest.Clears.Count > 0 ? rest : null;
        }
    }

    [Fact]
    public async Task Erase_Metadata_TakesOnlyWhatHasThem()
    {
        await FillAsync(
        [
            Message(Save("shared", """{"person":{"id":"p8"}}""")), Message(Save("shared", """{"person":{"id":"p7"},"x":1}""")), Message(Save("shared")),
        ]);

        var result = JsonElement.Parse(await RunAsync(0, "--metadata", """{"person":{"id":"p7"}}""", "--json"));

        result.GetProperty("spool").GetString().ShouldBe(Spool);
        (result.GetProperty("erased").GetInt32(), result.GetProperty("findings").GetInt32()).ShouldBe((1, 0));
        (await ReadAsync()).Select(message => message.CommandId).ShouldBe(["m0", "m2"]);
    }

    /// <summary>What was put aside is looked into as well; what stays damaged is put aside by the application as before.</summary>
    [Fact]
    public async Task Erase_RowsThatTheApplicationCannotRead_GoOrAreFindings()
    {
        var newer = Message(Save("person-7-a"));
        newer.SchemaVersion = 99;
        await FillAsync([newer, Message(Save("person-7-a")), Message(Save("person-70"), Save("person-7-b")), Message(Save("person-7-c"))]);
        await ReadAsync();
        Execute("UPDATE spool SET sha256 = x'00' WHERE id = 3; UPDATE spool SET body = x'ffff' WHERE id = 2; INSERT INTO rejected (id, body, reason) VALUES (-5, 'text', 'x')");

        var output = await RunAsync(4, "--executions", "person-7-*");

        var lines = output.Split('\n');
        lines.Length.ShouldBe(4);
        lines[0].ShouldStartWith($"unreadable\t{Spool}, row 2 of spool\t");
        lines[1].ShouldStartWith($"unreadable\t{Spool}, row -5 of rejected\t");
        lines[2].ShouldBe($"{Spool}\tfindings=2\terased=3");
        RawStores.InFiles(Secret, _folder.FullName).ShouldBeEmpty();
        (await ReadAsync()).ShouldBeEmpty();
        Execute("SELECT group_concat(id) FROM (SELECT id FROM rejected ORDER BY id)").ShouldBe("-5,2,3");
    }

    [Fact]
    public async Task Erase_SpoolOfARunningApplication_IsRefusedAndTheOthersAreErased()
    {
        var other = Path.Combine(_folder.FullName, "other.db");
        await FillAsync([Message(Save("person-7-a"))]);
        File.Copy(Spool, other);
        using var running = Open(Spool);
        (await running.PeekAsync(10)).Count.ShouldBe(1);

        var result = await CliProcess.RunAsync("erase", "--executions", "person-7-*", "--spool", Spool, "--spool", other);

        result.ExitCode.ShouldBe(5, result.Error);
        result.Output.ShouldBe($"{other}\tfindings=0\terased=1\n");
        result.Error.ShouldContain("Stop the application");
        (await running.PeekAsync(10)).Count.ShouldBe(1);
        (await running.TryAppendAsync(Message(Save("person-8")))).ShouldBeTrue();
    }

    [Theory]
    [InlineData(null, 3, "There is no file")]
    [InlineData("no database, but longer than the head of one: ----------------------------------------------------------------", 1, "is not the file of a spool")]
    [InlineData("", 1, "is not the file of a spool")]
    public async Task Erase_NoSpool_IsRefusedAndUntouched(string? content, int code, string reason)
    {
        if (content is not null)
        {
            await File.WriteAllTextAsync(Spool, content);
        }

        var result = await CliProcess.RunAsync("erase", "--executions", "person-7-*", "--spool", Spool);

        (result.ExitCode, result.Output).ShouldBe((code, ""), result.Error);
        result.Error.ShouldContain(reason);
        (File.Exists(Spool) ? await File.ReadAllTextAsync(Spool) : null).ShouldBe(content);
    }

    [Fact]
    public async Task Erase_DatabaseOfSomethingElse_IsRefusedAndUntouched()
    {
        Execute("CREATE TABLE spool (id INTEGER PRIMARY KEY, body BLOB); INSERT INTO spool VALUES (1, x'00')");
        var before = await File.ReadAllBytesAsync(Spool);
        (await CliProcess.RunAsync("erase", "--executions", "person-7-*", "--spool", Spool)).ExitCode.ShouldBe(1);
        (await File.ReadAllBytesAsync(Spool)).ShouldBe(before);
    }

    [Fact]
    public async Task Erase_OfEverything_IsRefused()
    {
        await FillAsync([Message(Save("person-8"))]);
        var result = await CliProcess.RunAsync("erase", "--executions", "*", "--spool", Spool);
        result.ExitCode.ShouldBe(2);
        result.Error.ShouldContain("select everything");
        (await ReadAsync()).Count.ShouldBe(1);
    }

    private static SaveCheckpoint Save(string execution, string? metadata = null)
    {
        var said = execution.StartsWith("person-7-", StringComparison.Ordinal) ? Secret : "what others said";
        var checkpoint = new Checkpoint
        {
            ExecutionId = execution,
            Id = "c",
            State = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(said, 30))),
            Metadata = JsonElement.Parse(metadata ?? $$"""{"said":"{{said}}"}"""),
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        return new SaveCheckpoint { Sequence = 1, Record = ByteString.CopyFrom(CheckpointCodec.Encode(checkpoint).Record.Span) };
    }

    private static SqliteCommandSpool Open(string path) =>
        new(Options.Create(new CheckpointSpoolOptions { SpoolPath = path }), TimeProvider.System, NullLogger<SqliteCommandSpool>.Instance);

    private CheckpointCommands Message(params SaveCheckpoint[] saves) => new() { SchemaVersion = 1, CommandId = $"m{_messages++}", Saves = { saves } };

    private async Task FillAsync(IEnumerable<CheckpointCommands> messages, bool isKilled = false)
    {
        var folder = isKilled ? Directory.CreateDirectory(Path.Combine(_folder.FullName, "living")).FullName : _folder.FullName;
        using (var spool = Open(Path.Combine(folder, "spool.db")))
        {
            foreach (var message in messages)
            {
                (await spool.TryAppendAsync(message)).ShouldBeTrue();
            }

            if (isKilled)
            {
                Directory.EnumerateFiles(folder).ToList().ForEach(path => File.Copy(path, Path.Combine(_folder.FullName, Path.GetFileName(path))));
            }
        }

        if (isKilled)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What the application would send.</summary>
    private async Task<IReadOnlyList<CheckpointCommands>> ReadAsync()
    {
        using var spool = Open(Spool);
        return [.. (await spool.PeekAsync(1000)).Select(spooled => spooled.Message)];
    }

    private async Task<string> RunAsync(int exitCode, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(["erase", .. arguments, "--spool", Spool]);
        result.ExitCode.ShouldBe(exitCode, result.Error);
        return result.Output;
    }

    private object? Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Spool};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
