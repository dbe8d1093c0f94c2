namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>One measure: contenders that run by turns, and what ours has to reach.</summary>
/// <param name="Name">For BENCH=name.</param>
/// <param name="Title">For the table.</param>
/// <param name="Metric">The figure that the ratio is taken of.</param>
/// <param name="Contenders">Makes them, ours last.</param>
/// <param name="Targets">The bounds.</param>
internal sealed record Measure(
    string Name, string Title, string Metric, IReadOnlyList<Func<IContender>> Contenders, IReadOnlyList<Target> Targets)
{
    /// <summary>Takes very long: runs only when it is asked for.</summary>
    public bool IsOnRequest { get; init; }

    /// <summary>
    /// The contenders whose work every operation of ours includes. As all share the machine's cores, ours can at best be as
    /// fast as they are one after the other; where there are several, a row of the table says how fast that is.
    /// </summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>The row that says how fast the parts are.</summary>
    public string? Bound => Parts.Count switch
    {
        0 => null,
        1 => Parts[0],
        _ => $"bound: {string.Join(" + ", Parts)}, on the same cores",
    };

    /// <summary>Runs the contenders by turns: A, B, C, A, B, C, …</summary>
    /// <param name="lab">Servers and sizes.</param>
    public async Task<Outcome> RunAsync(Lab lab)
    {
        var contenders = new List<IContender>();
        try
        {
            foreach (var make in Contenders)
            {
                contenders.Add(make());
                await contenders[^1].PrepareAsync(lab);
            }

            var samples = contenders.ToDictionary(contender => contender.Name, _ => new List<Sample>());
            for (var round = 0; round < Lab.Rounds; round++)
            {
                foreach (var contender in contenders)
                {
                    GC.Collect();
                    samples[contender.Name].Add(await contender.RunAsync());
                }
            }

            var figures = contenders.ConvertAll(contender => new Figures(contender.Name, samples[contender.Name]));
            if (Parts.Count > 1 && Parts.All(samples.ContainsKey))
            {
                figures.Insert(figures.Count - 1, new Figures(
                    Bound!,
                    [.. Enumerable.Range(0, Lab.Rounds).Select(round => Sample.OfParts([.. Parts.Select(part => samples[part][round])]))]));
            }

            return new Outcome(this, figures, lab.IsQuick);
        }
        finally
        {
            contenders.Reverse();
            foreach (var contender in contenders)
            {
                await contender.DisposeAsync();
            }
        }
    }
}

/// <summary>What a measure found.</summary>
/// <param name="Measure">The measure.</param>
/// <param name="Figures">Of each contender.</param>
/// <param name="IsQuick">With the smaller counts.</param>
internal sealed record Outcome(Measure Measure, IReadOnlyList<Figures> Figures, bool IsQuick)
{
    /// <summary>The measure's title, with a word where its counts were small.</summary>
    public string Title => IsQuick ? $"{Measure.Title}, QUICK" : Measure.Title;

    public IReadOnlyList<Verdict> Verdicts { get; } =
        [.. Measure.Targets.Select(target => target.Judge(Figures.ToDictionary(figures => figures.Contender), Measure.Bound)).OfType<Verdict>()];
}
