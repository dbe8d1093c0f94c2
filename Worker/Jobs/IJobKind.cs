using System.Text.Json;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>
/// What jobs of one kind do. A step has its effects first and then gives the position behind them, which is stored before
/// the next one; so after a kill the last step is done again. Every effect is therefore one that a repeat does not change.
/// </summary>
internal interface IJobKind
{
    /// <summary>The kind's name.</summary>
    string Kind { get; }

    /// <summary>Checks arguments before a job is added.</summary>
    /// <param name="arguments">A JSON object.</param>
    /// <exception cref="ArgumentException">They are not valid.</exception>
    void Validate(JsonElement arguments);

    /// <summary>Runs a job from its cursor on.</summary>
    /// <param name="context">The job.</param>
    /// <param name="cancellationToken">Stops it.</param>
    IAsyncEnumerable<JobStep> RunAsync(JobContext context, CancellationToken cancellationToken);
}
