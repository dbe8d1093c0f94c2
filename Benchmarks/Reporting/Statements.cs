using System.Text;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Where PostgreSQL's time went, by statement.</summary>
internal static class Statements
{
    /// <summary>The costliest statements since the servers were started.</summary>
    /// <param name="lab">The servers.</param>
    public static async Task<string> ReadAsync(Lab lab)
    {
        await using var postgres = await PostgresTable.OpenAsync(lab, "public", create: false);
        await using var command = postgres.Source.CreateCommand("""
            SELECT format('%10s ms %9s calls %9s ms mean %10s rows  %s', round(total_exec_time), calls, round(mean_exec_time::numeric, 2), rows,
                left(regexp_replace(query, '\s+', ' ', 'g'), 100))
            FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 15
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var text = new StringBuilder("Statements\n");
        while (await reader.ReadAsync())
        {
            text.AppendLine(reader.GetString(0));
        }

        return text.ToString();
    }
}
