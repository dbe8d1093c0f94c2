using AsyncCheckpoints.Tests.Servers;
using Npgsql;

namespace AsyncCheckpoints.Tests.Storage.Postgres;

/// <summary>A database of its own for a test.</summary>
internal static class PostgresDatabase
{
    /// <summary>Creates an empty one and gives its connection string.</summary>
    /// <param name="settings">What follows its name.</param>
    public static async Task<string> CreateAsync(string settings = "")
    {
        var server = SharedServers.Postgres;
        var name = $"t{Guid.NewGuid():N}";
        await using var source = NpgsqlDataSource.Create(server);
        await using var command = source.CreateCommand($"CREATE DATABASE {name} {settings}");
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(server) { Database = name, MaxPoolSize = 20, IncludeErrorDetail = true }.ToString();
    }
}
