using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage.Postgres;

public sealed partial class PostgresArchiveTests : ArchiveConformanceTests
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

    /// <summary>As a pooler that gives each transaction another session of the server.</summary>
    [Theory]
    [InlineData("", false)]
    [InlineData(";Max Auto Prepare=0", true)]
    [InlineData(";maxautoprepare=0", true)]
    public async Task CommitAsync_SessionForgetsWhatWasPrepared_IsForTheConnectionStringToSay(string setting, bool succeeds)
    {
        await using var sut = new PostgresArchive(new() { ConnectionString = _connectionString + setting });
        await sut.MigrateAsync(default);
        await using var source = NpgsqlDataSource.Create(_connectionString);
        await using var forget = source.CreateCommand(
            """
            CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END $$;
            CREATE TRIGGER forget AFTER INSERT ON checkpoints.checkpoints EXECUTE FUNCTION forget();
            """);
        await forget.ExecuteNonQueryAsync();

        async Task CommitAllAsync()
        {
            for (var i = 1; i <= 10; i++)
            {
                await CommitAsync(sut, Make("e", $"{i}", i));
            }
        }

        if (succeeds)
        {
            await CommitAllAsync();
        }
        else
        {
            TransientErrors.IsTransient(await Should.ThrowAsync<PostgresException>(CommitAllAsync)).ShouldBeTrue();
        }
    }

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

    /// <summary>Otherwise jsonb would refuse what has been acknowledged, and it would end as a dead letter.</summary>
    [Theory]
    [InlineData("SQL_ASCII")]
    [InlineData("LATIN1")]
    public async Task MigrateAsync_OtherEncoding_IsRefused(string encoding)
    {
        await using var sut = new PostgresArchive(
            new() { ConnectionString = await PostgresDatabase.CreateAsync($"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'") });
        var refusal = await Should.ThrowAsync<CheckpointException>(() => sut.MigrateAsync(default));
        refusal.Message.ShouldContain(encoding);
        refusal.IsTransient.ShouldBeFalse();
        refusal.Hint.ShouldNotBeNull().ShouldContain("ENCODING 'UTF8'");
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

    /// <summary>Where building it takes long, an operator builds the index beforehand, without holding up saves (OPERATIONS.md).</summary>
    [Theory]
    [InlineData(3, "outbox_claimable", "outbox (kind, outbox_id) WHERE delivered_at IS NULL", "outbox_pending")]
    [InlineData(5, "inbox_received", "inbox (received_at)", "inbox_by_time")]
    public async Task MigrateAsync_IndexBuiltBeforehand_IsTaken(int version, string index, string definition, string replaced)
    {
        await PrepareSchemaAsync("");
        foreach (var migration in Migrations.Load(Dialect, "{tables}", "").Where(migration => migration.Version < version))
        {
            await ExecuteAsync(migration.Sql);
            await ExecuteAsync($"INSERT INTO {{tables}}schema_version (version, name) VALUES ({migration.Version}, '{migration.Name}')");
        }

        (await ExecuteAsync($"SELECT to_regclass('checkpoints.{replaced}') IS NULL")).ShouldBe(false);
        await ExecuteAsync($"CREATE INDEX CONCURRENTLY {index} ON checkpoints.{definition}");
        var built = await ExecuteAsync($"SELECT 'checkpoints.{index}'::regclass::oid::bigint");

        await CommitAsync(await CreateSut(), Make("e", "a", 1));

        (await ExecuteAsync($"SELECT 'checkpoints.{index}'::regclass::oid::bigint")).ShouldBe(built);
        (await ExecuteAsync($"SELECT to_regclass('checkpoints.{replaced}') IS NULL")).ShouldBe(true);
    }

    private protected override string Dialect => "Postgres";

    private protected override string ColumnsSql => """
        SELECT json_agg(json_build_object(
            'table', c.relname, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
            'isRequired', (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')::int, 'isGenerated', (a.attidentity <> '')::int) ORDER BY c.oid, a.attnum)::text
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'checkpoints'::regnamespace AND c.relkind = 'r' AND starts_with(c.relname, '{prefix}') AND c.relname <> '{prefix}schema_version'
        """;

    private protected override string KeysSql => """
        SELECT json_agg(json_build_object('table', c.relname, 'columns', (
            SELECT json_agg(a.attname ORDER BY k.position)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position) JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum)))::text
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'checkpoints'::regnamespace AND starts_with(c.relname, '{prefix}') AND i.indisunique AND i.indpred IS NULL
        """;

    private protected override async Task PrepareSchemaAsync(string prefix)
    {
        await ExecuteAsync("CREATE SCHEMA IF NOT EXISTS checkpoints");
        await ExecuteAsync(new PostgresSql($"checkpoints.{prefix}").VersionTable);
    }

    private protected override string RowsSql(string table, IEnumerable<string> columns) =>
        $"SELECT string_agg(r::text, E'\\n' ORDER BY r::text) FROM (SELECT {string.Join(", ", columns)} FROM {table}) AS r";

    private protected override string? Literal(string type, string column, int number) => type switch
    {
        "text" => $"'{column}{number}'",
        "smallint" or "integer" or "bigint" => $"{number}",
        "double precision" => $"{number}.5",
        "boolean" => number % 2 == 0 ? "true" : "false",
        "bytea" => $"'\\x0{number}'",
        "timestamp with time zone" => $"'2026-01-0{number}'",
        _ => null,
    };

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
