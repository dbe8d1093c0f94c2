namespace AsyncCheckpoints.Tests.Faults;

/// <summary>What the comparison of ledger, archive and cache has found.</summary>
internal sealed class Verdict
{
    private readonly List<string> _problems = [];

    public int Acknowledged { get; set; }

    public int Archived { get; set; }

    public int Lost { get; private set; }

    public int Duplicated { get; private set; }

    public int Resurrected { get; private set; }

    public bool IsClean => _problems.Count == 0;

    public void AddLost(string what)
    {
        Lost++;
        Add($"Lost: {what}");
    }

    public void AddDuplicate(string what)
    {
        Duplicated++;
        Add($"Duplicated: {what}");
    }

    public void AddResurrected(string what)
    {
        Resurrected++;
        Add($"Resurrected: {what}");
    }

    public void Add(string problem) => _problems.Add(problem);

    public override string ToString() =>
        $"{Acknowledged} acknowledged, {Archived} archived, {Lost} lost, {Duplicated} duplicated, {Resurrected} resurrected"
        + string.Concat(_problems.Take(40).Select(problem => $"\n  {problem}"))
        + (_problems.Count > 40 ? $"\n  and {_problems.Count - 40} more" : "");
}
