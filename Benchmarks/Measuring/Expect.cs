namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>A figure without proof that the work was done is worth nothing.</summary>
internal static class Expect
{
    /// <summary>Stops the benchmark when something is missing or there twice.</summary>
    /// <param name="expected">What has to be there.</param>
    /// <param name="actual">What is there.</param>
    /// <param name="what">Names it.</param>
    public static void Equal(long expected, long actual, string what)
    {
        if (expected != actual)
        {
            throw new InvalidOperationException($"{what}: {actual:#,0} instead of {expected:#,0}. The figures would be worthless.");
        }
    }
}
