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
