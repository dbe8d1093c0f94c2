using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage.Postgres;

public sealed class PostgresArchiveTests : ArchiveConformanceTests
{
    private string _connectionString = "";

    private protected override string Past => "'epoch'";

    public override async Task InitializeAsync() => _connectionString = await PostgresDatabase.CreateAsync();

    [Theory]
    [InlineData("Schema", "x\"; DROP TABLE y")]
    [InlineData("Schema", "")]
    [InlineData("Schema", "pg_x")]
    [InlineData("Schema", "a\n")]
    [InlineData("TablePrefix", "1a")]
    [InlineData("TablePrefix", "a-b")]
    [InlineData("TablePrefix", "a234567890123456789012345678901")]
    public void Constructor_BadIdentifier_IsRefused(string option, string value)
    {
        var options = new PostgresArchiveOptions { ConnectionString = "Host=localhost" };
        typeof(PostgresArchiveOptions).GetProperty(option)!.SetValue(options, value);
        Should.Throw<OptionsValidationException>(() => new PostgresArchive(options)).Message.ShouldContain(option);
    }

    [Fact]
    public void Constructor_BadConnectionString_IsRefusedWithoutNamingIt() =>
        Should.Throw<OptionsValidationException>(() => new PostgresArchive(new() { ConnectionString = "Password=secret;Bad=1" })).Message.ShouldNotContain("secret");

    [Fact]
    public async Task Create_TwoSchemas_AreIsolated()
    {
        await using var a = new PostgresArchive(new() { ConnectionString = _connectionString, Schema = "user" });
        await using var b = new PostgresArchive(new() { ConnectionString = _connectionString, Schema = "other" });
        (await a.MigrateAsync(default)).ShouldBeGreaterThan(0);
        (await b.MigrateAsync(default)).ShouldBeGreaterThan(0);
        await CommitAsync(a, Make("e", "a", 1));

        (await IdsAsync(a, All("e"))).ShouldBe("a");
        (await IdsAsync(b, All("e"))).ShouldBe("");
    }

    [Fact]
    public async Task MigrateAsync_OtherIsolation_IsRefused()
    {
        await using var sut = new PostgresArchive(new() { ConnectionString = $"{_connectionString};Options=-c default_transaction_isolation=serializable" });
        (await Should.ThrowAsync<CheckpointException>(() => sut.MigrateAsync(default))).Message.ShouldContain("serializable");
    }

    /// <summary>Otherwise it would begin anew each time, and hold up everything behind it.</summary>
    [Fact]
    public async Task CommitAsync_DeletionThatTakesLong_IsNotCutShort()
    {
        await using var sut = new PostgresArchive(new() { ConnectionString = $"{_connectionString};Command Timeout=3" });
        await CommitAsync(await CreateSut(), Make("large", "a", 1));
        await ExecuteAsync(
            """
            CREATE FUNCTION checkpoints.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN OLD; END $$;
            CREATE TRIGGER slow BEFORE DELETE ON checkpoints.checkpoints FOR EACH ROW EXECUTE FUNCTION checkpoints.slow()
            """);

        await DeleteAsync(sut, new Tombstone("large", null, null, 5, false));
        (await IdsAsync(sut, All("large"))).ShouldBe("");
    }

    /// <summary>Twice a batch's default size, of a server whose settings are its defaults; also beside deletions.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CommitAsync_LargeBatch_TakesNoTemporaryFile(bool hasDeletion)
    {
        await ExecuteAsync($"ALTER DATABASE {new NpgsqlConnectionStringBuilder(_connectionString).Database} SET temp_file_limit = 0");
        var sut = await CreateSut();
        var state = new byte[128 * 1024];
        var saves = Enumerable.Range(1, 128).Select(i => Make("e", $"{i:D3}", i) with { State = state }).ToArray();

        await sut.CommitAsync(Batch(Command(NextCommand(), saves), new ArchiveCommand(NextCommand(), [], hasDeletion ? [new Tombstone("e", "", "128", 128, false)] : [])), default);

        (await IdsAsync(sut, All("e"))).ShouldEndWith("002,001");
    }

    private protected override ICheckpointArchive Create(string prefix = "", TimeProvider? time = null) =>
        new PostgresArchive(new() { ConnectionString = _connectionString, TablePrefix = prefix });

    private protected override string JsonPath(string column) => $"{column} -> 'a' ->> 1";

    private protected override async Task<object?> ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_connectionString);
        await using var command = source.CreateCommand(sql.Replace("{tables}", "checkpoints.", StringComparison.Ordinal));
        return await command.ExecuteScalarAsync();
    }
}
