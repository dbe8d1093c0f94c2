namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Which dead letters a job is about. At least one of them has to be given.</summary>
internal sealed record DeadLetterArguments
{
    /// <summary>Their rows.</summary>
    public IReadOnlyList<long>? Ids { get; init; }

    /// <summary>Those whose reason has this in it.</summary>
    public string? Reason { get; init; }

    /// <summary>Those of one execution.</summary>
    public string? Execution { get; init; }

    /// <summary>All.</summary>
    public bool All { get; init; }
}
