namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>The same rows for everybody: keys spread over the executions, ids like ours.</summary>
internal static class Rows
{
    private static readonly string[] ExecutionIds = [.. Enumerable.Range(0, Lab.Executions).Select(i => $"execution-{i}")];

    /// <summary>The execution of a save, by the save's number.</summary>
    /// <param name="i">The number.</param>
    public static string Execution(int i) => ExecutionIds[i % ExecutionIds.Length];

    /// <summary>One row.</summary>
    /// <param name="i">Its number.</param>
    /// <param name="state">Its state.</param>
    public static Row Make(int i, byte[] state) => new(Execution(i), Guid.CreateVersion7().ToString(), i + 1, state);

    /// <summary>Consecutive rows.</summary>
    /// <param name="start">The first number.</param>
    /// <param name="count">How many.</param>
    /// <param name="state">Their state.</param>
    public static List<Row> Make(int start, int count, byte[] state) => [.. Enumerable.Range(start, count).Select(i => Make(i, state))];
}
