using System.Text.Json;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

/// <summary>
/// Migrations take nothing away from a program of an older schema: it may run beside this one. What it can do with its
/// tables is made from the catalog, so that a migration of the future needs no test of its own.
/// </summary>
public abstract partial class ArchiveConformanceTests
{
    /// <summary>The dialect's folder of migrations.</summary>
    private protected abstract string Dialect { get; }

    /// <summary>The columns of tables whose names start with {prefix}, but schema_version, in the order in which they were made: JSON.</summary>
    private protected abstract string ColumnsSql { get; }

    /// <summary>The keys of these tables that are unique in all rows: JSON.</summary>
    private protected abstract string KeysSql { get; }

    /// <summary>Makes the schema, and in it the empty table of versions.</summary>
    private protected abstract Task PrepareSchemaAsync(string prefix);

    /// <summary>A table's rows as one text, in an order of their own.</summary>
    private protected abstract string RowsSql(string table, IEnumerable<string> columns);

    /// <summary>A value of a type: another one for each number; null: a type of which the test does not know.</summary>
    private protected abstract string? Literal(string type, string column, int number);

    [Fact]
    public async Task MigrateAsync_FilledByAnyOlderSchema_KeepsItsRowsAndAllThatItsProgramDoes()
    {
        var latest = Migrations.Load(Dialect, "", "")[^1].Version;
        latest.ShouldBeGreaterThan(1);
        for (var version = 1; version < latest; version++)
        {
            var prefix = $"v{version}_";
            var tables = await CreateAsync(version, prefix);
            foreach (var table in tables)
            {
                await InsertAsync(table, 1);
                await InsertAsync(table, 2);
            }

            var before = await ReadAsync(tables);
            before.ShouldAllBe(rows => rows.Length > 0);
            var sut = Open(prefix);

            (await sut.MigrateAsync(default)).ShouldBe(latest - version);

            (await ReadAsync(tables)).ShouldBe(before);
            var after = (await TablesAsync(prefix)).ToDictionary(table => table.Name);
            foreach (var table in tables)
            {
                var columns = after[table.Name].Columns;
                foreach (var column in table.Columns)
                {
                    columns.ShouldContain(
                        now => now.Name == column.Name && now.Type == column.Type && now.IsGenerated == column.IsGenerated && (column.IsRequired || !now.IsRequired),
                        $"{table.Name}.{column.Name} is as in version {version}");
                }

                columns.Where(now => now.IsRequired && !table.Columns.Any(column => column.Name == now.Name))
                    .ShouldBeEmpty($"programs of version {version} do not know what to give for it in {table.Name}");
                await InsertAsync(table, 3);
                await InsertAsync(table, 4);
                await UpdateAsync(table);
            }

            await UseAsync(sut);
            foreach (var table in Enumerable.Reverse(tables))
            {
                await ExecuteAsync($"DELETE FROM {{tables}}{table.Name}");
            }
        }
    }

    private async Task<IReadOnlyList<Table>> CreateAsync(int version, string prefix)
    {
        await PrepareSchemaAsync(prefix);
        foreach (var migration in Migrations.Load(Dialect, $"{{tables}}{prefix}", prefix).Where(migration => migration.Version <= version))
        {
            await ExecuteAsync(migration.Sql);
            await ExecuteAsync($"INSERT INTO {{tables}}{prefix}schema_version (version, name, applied_at) VALUES ({migration.Version}, '{migration.Name}', {Past})");
        }

        return await TablesAsync(prefix);
    }

    private async Task<IReadOnlyList<Table>> TablesAsync(string prefix)
    {
        var columns = await ListAsync(ColumnsSql);
        var keys = await ListAsync(KeysSql);
        return
        [
            .. columns.GroupBy(TableOf).Select(table => new Table(
                table.Key,
                [.. table.Select(column => new Column(
                    column.GetProperty("name").GetString()!,
                    column.GetProperty("type").GetString()!,
                    column.GetProperty("isRequired").GetInt32() != 0,
                    column.GetProperty("isGenerated").GetInt32() != 0))],
                [.. keys.Where(key => TableOf(key) == table.Key).Select(key => key.GetProperty("columns").EnumerateArray().Select(name => name.GetString()!).ToList())])),
        ];

        async Task<IReadOnlyList<JsonElement>> ListAsync(string sql) =>
            [.. JsonElement.Parse((string)(await ExecuteAsync(sql.Replace("{prefix}", prefix, StringComparison.Ordinal)))!).EnumerateArray()];

        static string TableOf(JsonElement row) => row.GetProperty("table").GetString()!;
    }

    private async Task<IReadOnlyList<string>> ReadAsync(IReadOnlyList<Table> tables)
    {
        var rows = new List<string>();
        foreach (var table in tables)
        {
            rows.Add($"{await ExecuteAsync(RowsSql($"{{tables}}{table.Name}", table.Columns.Select(column => column.Name)))}");
        }

        return rows;
    }

    // Odd rows with every column, even ones with those only that have to be given. Again, beside every key: no effect.
    private async Task InsertAsync(Table table, int number)
    {
        var columns = table.Columns.Where(column => !column.IsGenerated && (number % 2 == 1 || column.IsRequired)).ToList();
        var insert = $"INSERT INTO {{tables}}{table.Name} ({string.Join(", ", columns.Select(column => column.Name))}) VALUES "
            + $"({string.Join(", ", columns.Select(column => ValueOf(table, column, number)))})";
        await ExecuteAsync(insert);
        var count = await CountAsync();
        foreach (var key in table.Keys.Where(key => key.TrueForAll(name => columns.Exists(column => column.Name == name))))
        {
            await ExecuteAsync($"{insert} ON CONFLICT ({string.Join(", ", key)}) DO NOTHING");
            (await CountAsync()).ShouldBe(count, $"{table.Name} ({string.Join(", ", key)}) is unique");
        }

        async Task<object?> CountAsync() => await ExecuteAsync($"SELECT count(*) FROM {{tables}}{table.Name}");
    }

    private async Task UpdateAsync(Table table) => await ExecuteAsync(
        $"UPDATE {{tables}}{table.Name} SET {string.Join(", ", table.Columns.Where(column => !column.IsGenerated).Select(column => $"{column.Name} = {column.Name}"))}");

    private string ValueOf(Table table, Column column, int number) => column.Name switch
    {
        "state" when table.Name.EndsWith("jobs", StringComparison.Ordinal) => "'available'",
        "kind" when table.Name.EndsWith("outbox", StringComparison.Ordinal) => $"{(int)OutboxKind.Cache}",
        "changes" => "'[]'",
        "metadata" or "arguments" or "counts" => "'{}'",
        _ => Literal(column.Type.ToLowerInvariant(), column.Name, number) ?? throw new NotSupportedException($"{table.Name}.{column.Name} is {column.Type}."),
    };

    /// <summary>This program on what the older one left.</summary>
    private async Task UseAsync(ICheckpointArchive sut)
    {
        (await IdsAsync(sut, All("execution_id1"))).ShouldBe("checkpoint_id1");
        await CommitAsync(sut, Make("execution_id1", "new", 1_000_000));
        (await IdsAsync(sut, All("execution_id1"))).ShouldBe("new,checkpoint_id1");
        (await sut.ListDeadLettersAsync(null, 10, true, default)).Count.ShouldBe(4);

        // Of the older one's outbox those that have no time of delivery; of the commit its events.
        (await ClaimAllAsync(sut)).Count.ShouldBe(3);
        (await ((IJobStore)sut).ListJobsAsync(null, null, null, 10, default)).Count.ShouldBe(4);
    }

    private sealed record Table(string Name, IReadOnlyList<Column> Columns, IReadOnlyList<List<string>> Keys);

    private sealed record Column(string Name, string Type, bool IsRequired, bool IsGenerated);
}
