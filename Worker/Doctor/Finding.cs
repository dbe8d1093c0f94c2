namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>How much something matters.</summary>
internal enum Severity
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Checkpoints can get lost or slow under circumstances.</summary>
    Warning,

    /// <summary>It does not work, or a promise does not hold.</summary>
    Error,
}

/// <summary>What a check found.</summary>
/// <param name="Severity">How much it matters.</param>
/// <param name="Part">redis, rabbitmq, postgres, sqlite or settings.</param>
/// <param name="Check">What was looked at.</param>
/// <param name="Message">How it is.</param>
/// <param name="Advice">What to change; null when nothing.</param>
internal sealed record Finding(Severity Severity, string Part, string Check, string Message, string? Advice = null);
