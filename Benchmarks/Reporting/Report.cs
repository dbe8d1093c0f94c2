using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Everything that one run found.</summary>
/// <param name="settings">How servers, ours and the peers are set.</param>
internal sealed class Report(IReadOnlyList<(string Name, string Value)> settings)
{
    private readonly List<Outcome> _outcomes = [];

    public IReadOnlyList<(string Name, string Value)> Settings => settings;

    public IReadOnlyList<Outcome> Outcomes => _outcomes;

    /// <summary>The peak memory of every process, in MB.</summary>
    public IReadOnlyList<(string Process, double Megabytes)> Memory { get; set; } = [];

    /// <summary>Adds a measure.</summary>
    /// <param name="outcome">What it found.</param>
    public void Add(Outcome outcome) => _outcomes.Add(outcome);
}
