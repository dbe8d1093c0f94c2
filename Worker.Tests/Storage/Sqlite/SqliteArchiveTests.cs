using System.Diagnostics;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage.Sqlite;

public sealed class SqliteArchiveTests : ArchiveConformanceTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("archive").FullName;

    private protected override string Past => "0";

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("x; DROP TABLE y")]
    [InlineData("1a")]
    [InlineData("A")]
    [InlineData("a\n")]
    [InlineData("sqlite_x")]
    [InlineData("a234567890123456789012345678901")]
    public void Constructor_BadPrefix_IsRefused(string prefix) =>
        Should.Throw<OptionsValidationException>(() => new SqliteArchive(new() { TablePrefix = prefix }, TimeProvider.System)).Message.ShouldContain("TablePrefix");

    [Fact]
    public void Constructor_SeveralFaults_NamesAll() =>
        Should.Throw<OptionsValidationException>(
            () => new SqliteArchive(new() { Path = " ", BusyTimeout = TimeSpan.FromDays(1), TablePrefix = "-" }, TimeProvider.System)).Failures.Count().ShouldBe(3);

    [Fact]
    public async Task MigrateAsync_NewFile_UsesWal()
    {
        await CreateSut();
        (await ExecuteAsync("PRAGMA journal_mode")).ShouldBe("wal");
    }

    /// <summary>One look at everything takes some hundred times as long as a page that begins where its index says.</summary>
    [Fact]
    public async Task FindAsync_InALongExecution_DoesNotLookAtAllOfIt()
    {
        const int count = 50_000;
        var sut = await CreateSut();
        foreach (var part in Enumerable.Range(1, count).Chunk(5000))
        {
            await CommitAsync(sut, [.. part.Select(i => Make("long", $"{i}", i))]);
        }

        var inOneNamespace = await TimeAsync(After, "", null);
        (await TimeAsync(After, null, null)).ShouldBeLessThan(10 * inOneNamespace, "pages of all namespaces");
        (await TimeAsync(_ => null, "", i => $"{i}")).ShouldBeLessThan(10 * inOneNamespace, "by id");

        static ListPosition? After(int i) => new(i, "", $"{i}");

        async Task<TimeSpan> TimeAsync(Func<int, ListPosition?> after, string? ns, Func<int, string>? id)
        {
            var query = new CheckpointQuery { ExecutionId = "long", Namespace = ns, OldestFirst = true, Limit = 1 };
            var watch = Stopwatch.StartNew();
            for (var i = 1; i < count; i += count / 100)
            {
                var page = await sut.FindAsync(query, id?.Invoke(i), after(i), long.MaxValue, default);
                page.Items.ShouldHaveSingleItem().Sequence.ShouldBe(id is null ? i + 1 : i);
            }

            return watch.Elapsed;
        }
    }

    /// <summary>Only what was in somebody's hand, and is not brought to its end, waits for the clock.</summary>
    [Theory]
    [InlineData(11)]
    [InlineData(24 * 60)]
    public async Task ClaimOutboxAsync_ClockIsSetBack_GivesWhatNobodyHas(int minutes)
    {
        var time = new JumpingTime();
        var sut = await CreateSut(time: time);
        await CommitAsync(sut, Make("e", "held", 1));
        await CommitAsync(sut, Make("e", "held too", 2));
        var held = await sut.ClaimOutboxAsync("killed", OutboxKind.Events, TimeSpan.FromMinutes(1), 9, default);
        await CommitAsync(sut, Make("e", "released", 3));
        await sut.ReleaseOutboxAsync("a", [(await ClaimAsync("a")).Id], TimeSpan.FromMinutes(1), "away", default);
        await CommitAsync(sut, Make("e", "before", 4));
        time.Jump(TimeSpan.FromMinutes(-minutes));
        await CommitAsync(sut, Make("e", "after", 5));

        foreach (var id in new[] { "released", "before", "after" })
        {
            (await ClaimAsync("b", 1)).Changes.ShouldHaveSingleItem().Id.ShouldBe(id);
        }

        (await sut.ClaimOutboxAsync("b", OutboxKind.Events, TimeSpan.FromMinutes(1), 9, default)).ShouldBeEmpty();
        (await sut.MarkDeliveredAsync("killed", [.. held.Select(entry => entry.Id).Take(1)], default)).ShouldBe(1);
        time.Jump(TimeSpan.FromMinutes(minutes + 2));
        (await sut.ClaimOutboxAsync("c", OutboxKind.Events, TimeSpan.FromMinutes(1), 9, default))
            .SelectMany(entry => entry.Changes).Select(change => change.Id).ShouldBe(["held too", "released", "before", "after"]);

        async Task<OutboxEntry> ClaimAsync(string owner, int limit = 9) =>
            (await sut.ClaimOutboxAsync(owner, OutboxKind.Events, TimeSpan.FromMinutes(1), limit, default)).ShouldHaveSingleItem();
    }

    private protected override string Dialect => "Sqlite";

    private protected override string ColumnsSql => """
        SELECT json_group_array(json_object(
            'table', x.table_name, 'name', x.name, 'type', x.type,
            'isRequired', (x."notnull" OR x.pk > 0) AND x.dflt_value IS NULL AND NOT x.is_generated, 'isGenerated', x.is_generated))
        FROM (
            SELECT m.name AS table_name, p.*,
                p.pk = 1 AND p.type = 'INTEGER' AND (SELECT count(*) FROM pragma_table_info(m.name) AS o WHERE o.pk > 0) = 1 AS is_generated
            FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
            WHERE m.type = 'table' AND substr(m.name, 1, length('{prefix}')) = '{prefix}' AND m.name <> '{prefix}schema_version'
            ORDER BY m.rowid, p.cid) AS x
        """;

    private protected override string KeysSql => """
        SELECT json_group_array(json_object('table', m.name, 'columns', json((SELECT json_group_array(i.name) FROM pragma_index_info(l.name) AS i))))
        FROM sqlite_master AS m JOIN pragma_index_list(m.name) AS l
        WHERE m.type = 'table' AND substr(m.name, 1, length('{prefix}')) = '{prefix}' AND l."unique" = 1 AND l.partial = 0
        """;

    private protected override async Task PrepareSchemaAsync(string prefix)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "sub"));
        await ExecuteAsync(new SqliteSql(prefix).VersionTable);
    }

    private protected override string RowsSql(string table, IEnumerable<string> columns) =>
        $"SELECT group_concat(r.line, char(10)) FROM (SELECT {string.Join(" || ',' || ", columns.Select(column => $"quote({column})"))} AS line FROM {table} ORDER BY 1) AS r";

    private protected override string? Literal(string type, string column, int number) => type switch
    {
        "text" => $"'{column}{number}'",
        "integer" => $"{number}",
        "real" => $"{number}.5",
        "blob" => $"x'0{number}'",
        _ => null,
    };

    private protected override ICheckpointArchive Create(string prefix = "", TimeProvider? time = null) =>
        new SqliteArchive(new() { Path = Path.Combine(_folder, "sub", "a.db"), TablePrefix = prefix }, time ?? TimeProvider.System);

    private protected override string JsonPath(string column) => $"json_extract({column}, '$.a[1]')";

    private protected override async Task<object?> ExecuteAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "sub", "a.db")};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql.Replace("{tables}", "", StringComparison.Ordinal);
        return await command.ExecuteScalarAsync();
    }
}
