using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Everything that one run found.</summary>
/// <param name="settings">How servers, ours and the peers are set.</param>
internal sealed class Report(IReadOnlyList<(string Name, string Value)> settings)
{
    private readonly List<Outcome> _outcomes = [];
    private readonly List<Outcome> _earlier = [];

    public IReadOnlyList<(string Name, string Value)> Settings => settings;

    public IReadOnlyList<Outcome> Outcomes => _outcomes;

    /// <summary>These, and those of earlier runs that this one did not measure again, in the catalog's order.</summary>
    public IReadOnlyList<Outcome> All =>
    [
        .. Catalog.All.Select(measure => _outcomes.Concat(_earlier).FirstOrDefault(outcome => outcome.Measure.Name == measure.Name)).OfType<Outcome>(),
    ];

    /// <summary>The peak memory of every process, in MB.</summary>
    public IReadOnlyList<(string Process, double Megabytes)> Memory { get; set; } = [];

    /// <summary>Adds what an earlier run found.</summary>
    /// <param name="outcomes">Its measures.</param>
    public void AddEarlier(IEnumerable<Outcome> outcomes) => _earlier.AddRange(outcomes);

    /// <summary>Adds a measure.</summary>
    /// <param name="outcome">What it found.</param>
    public void Add(Outcome outcome) => _outcomes.Add(outcome);
}
