using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>The checkpoints that ours saves.</summary>
internal static class Saves
{
    public static SaveOptions Cached { get; } = new() { Durability = Durability.Cached, Strict = true };

    public static SaveOptions Queued { get; } = new() { Durability = Durability.Queued, Strict = true };

    public static SaveOptions Persisted { get; } = new() { Durability = Durability.Persisted };

    /// <summary>One checkpoint; the client makes its id.</summary>
    /// <param name="i">Its number.</param>
    /// <param name="state">Its state.</param>
    public static Checkpoint Make(int i, byte[] state) => new() { ExecutionId = Rows.Execution(i), NodeName = "node", State = state };

    /// <summary>Saves one and checks that its level was reached, in Redis too.</summary>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="options">The level.</param>
    public static async Task SaveAsync(ICheckpointClient client, Checkpoint checkpoint, SaveOptions options)
    {
        var result = await client.SaveAsync(checkpoint, options);
        if (result.Reached < options.Durability || !result.Cached)
        {
            throw new InvalidOperationException($"{result.Reached}, cached: {result.Cached} instead of {options.Durability}.");
        }
    }
}
