using System.Globalization;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>A bound on one of our figures, or on its ratio to that of others.</summary>
/// <param name="Of">The contender.</param>
/// <param name="Metric">Its figure.</param>
/// <param name="Against">The contenders that it is divided by: by the worst of them; none: the figure itself.</param>
/// <param name="IsMinimum">Whether the bound is the least that is allowed.</param>
/// <param name="Limit">The bound.</param>
internal sealed record Target(string Of, string Metric, IReadOnlyList<string> Against, bool IsMinimum, double Limit)
{
    /// <summary>The bound as text.</summary>
    public string Text => string.Create(
        CultureInfo.InvariantCulture, $"{(IsMinimum ? "≥" : "≤")} {Limit:#,0.##}{(Against.Count > 0 ? " ×" : "")} {Metric}");

    public static Target AtLeast(double ratio, string of, string metric, params string[] against) => new(of, metric, against, true, ratio);

    public static Target AtMost(double ratio, string of, string metric, params string[] against) => new(of, metric, against, false, ratio);

    /// <summary>Compares.</summary>
    /// <param name="results">The contenders' figures.</param>
    /// <param name="bound">The contender that is no slower than ours can be, if there is one.</param>
    public Verdict? Judge(IReadOnlyDictionary<string, Figures> results, string? bound)
    {
        if (!results.TryGetValue(Of, out var of) || !of.TryGetMedian(Metric, out var value))
        {
            return null;
        }

        if (Against.Count == 0)
        {
            return new Verdict(this, value, null, null);
        }

        var others = Against.Where(name => results.TryGetValue(name, out var figures) && figures.TryGetMedian(Metric, out _))
            .Select(name => (Name: name, Value: results[name].Median(Metric))).ToList();
        if (others.Count == 0)
        {
            return null;
        }

        var other = Measuring.Metric.IsHigherBetter(Metric) ? others.MinBy(o => o.Value) : others.MaxBy(o => o.Value);
        double? best = bound is not null && results.TryGetValue(bound, out var parts) && parts.TryGetMedian(Metric, out var median) ? median / other.Value : null;
        return new Verdict(this, value / other.Value, other.Name, best);
    }

    /// <summary>Whether a figure, or a ratio, is within the bound.</summary>
    /// <param name="value">The figure.</param>
    public bool IsMet(double value) => IsMinimum ? value >= Limit : value <= Limit;
}

/// <summary>Whether a target is met.</summary>
/// <param name="Target">The target.</param>
/// <param name="Value">The ratio or figure.</param>
/// <param name="Against">What it was compared with.</param>
/// <param name="Bound">What the raw parts, one after the other, would reach.</param>
internal sealed record Verdict(Target Target, double Value, string? Against, double? Bound)
{
    public bool IsMet => Target.IsMet(Value);

    /// <summary>Whether the raw parts by themselves miss the target too.</summary>
    public bool IsAboveBound => Bound is { } bound && !Target.IsMet(bound);

    /// <summary>The answer in a word.</summary>
    public string Answer => IsMet ? "yes" : IsAboveBound ? "no, nor do the parts" : "no";
}
