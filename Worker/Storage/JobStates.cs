namespace AsyncCheckpoints.Worker.Storage;

/// <summary>States as text: in the database and in the API.</summary>
internal static class JobStates
{
    /// <summary>All, in the order of <see cref="JobState"/>.</summary>
    public static IReadOnlyList<string> Texts { get; } =
        ["available", "running", "retryable", "completed", "cancelled", "discarded"];

    /// <summary>As stored.</summary>
    /// <param name="state">A state.</param>
    public static string ToText(JobState state) => Texts[(int)state];

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <param name="text">The text.</param>
    public static JobState Parse(string text) => (JobState)Texts.ToList().IndexOf(text);

    /// <summary>Whether a job in this state runs no more.</summary>
    /// <param name="state">A state.</param>
    public static bool IsEnded(JobState state) => state is JobState.Completed or JobState.Cancelled or JobState.Discarded;
}
