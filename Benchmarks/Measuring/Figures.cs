namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>A contender's rounds.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Rounds">One sample a round.</param>
internal sealed record Figures(string Contender, IReadOnlyList<Sample> Rounds)
{
    public IEnumerable<string> Metrics => Rounds.SelectMany(round => round.Keys).Distinct();

    public double Median(string metric) =>
        TryGetMedian(metric, out var value) ? value : throw new KeyNotFoundException($"{Contender} did not measure {metric}.");

    public bool TryGetMedian(string metric, out double value)
    {
        var values = Values(metric);
        value = values.Length == 0 ? 0 : values.Length % 2 == 1 ? values[values.Length / 2] : (values[(values.Length / 2) - 1] + values[values.Length / 2]) / 2;
        return values.Length > 0;
    }

    /// <summary>The lowest and the highest round.</summary>
    /// <param name="metric">The metric.</param>
    public (double Low, double High) Spread(string metric)
    {
        var values = Values(metric);
        return (values[0], values[^1]);
    }

    private double[] Values(string metric) =>
        [.. Rounds.Where(round => round.ContainsKey(metric)).Select(round => round[metric]).Order()];
}
