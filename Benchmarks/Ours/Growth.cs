using System.Globalization;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>Fills installations before they are measured.</summary>
internal static class Growth
{
    private const int Chunk = 500_000;

    /// <summary>Rows of other executions in the archive, made by PostgreSQL itself.</summary>
    /// <param name="installation">The installation.</param>
    /// <param name="lab">The sizes.</param>
    public static async Task Archive(Installation installation, Lab lab)
    {
        var rows = lab.Count(10_000_000, 200_000);
        for (var first = 1; first <= rows; first += Chunk)
        {
            await installation.Table.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
                INSERT INTO {installation.Prefix}.checkpoints (execution_id, namespace, checkpoint_id, sequence, version, created_at, node_name,
                    content_type, state_sha256, state)
                SELECT 'old-' || (g % 100000), '', 'checkpoint-' || g, g, 0, now(), 'node', 'application/octet-stream',
                    decode(repeat('00', 32), 'hex'), decode(repeat(md5(g::text), 64), 'hex')
                FROM generate_series({first}, {Math.Min(rows, first + Chunk - 1)}) AS g
                """));
        }

        await installation.Table.ExecuteAsync($"VACUUM (ANALYZE) {installation.Prefix}.checkpoints");

        // What was there before is not counted again and again.
        installation.Table.Filter = "execution_id >= 'execution-' AND execution_id < 'execution.'";
    }

    /// <summary>Checkpoints of one execution, saved in the usual way: in Redis and in the archive.</summary>
    /// <param name="installation">The installation.</param>
    /// <param name="lab">The sizes.</param>
    public static async Task OneExecution(Installation installation, Lab lab)
    {
        var count = lab.Count(100_000, 20_000);
        var before = await installation.Table.CountAsync();
        var state = lab.State(1024);
        await Load.RunAsync(count, 1024, _ => Saves.SaveAsync(installation.Client, Saves.Make(0, state), Saves.Queued));
        await Load.UntilAsync(async () => await installation.Table.CountAsync() == before + count, "the execution is filled");
    }
}
