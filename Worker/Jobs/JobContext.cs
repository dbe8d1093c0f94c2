using System.Text.Json;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>What a job knows when it starts or goes on.</summary>
/// <param name="JobId">Its id.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Cursor">Where it goes on; null: at the start.</param>
/// <param name="CreatedAt">When it was added: what was saved later does not concern it.</param>
/// <param name="StartedAt">When its first attempt began.</param>
/// <param name="BatchSize">Items in one step.</param>
internal sealed record JobContext(string JobId, JsonElement Arguments, string? Cursor, DateTimeOffset CreatedAt, DateTimeOffset StartedAt, int BatchSize)
{
    /// <summary>The moment from which on saves do not concern the job.</summary>
    /// <param name="savedBefore">What its arguments say.</param>
    public DateTimeOffset Bound(DateTimeOffset? savedBefore) => savedBefore < CreatedAt ? savedBefore.Value : CreatedAt;

    /// <summary>The moment from which on saves do not concern a job that takes what there is when it starts.</summary>
    /// <param name="savedBefore">What its arguments say.</param>
    public DateTimeOffset BoundAtStart(DateTimeOffset? savedBefore)
    {
        var start = StartedAt > CreatedAt ? StartedAt : CreatedAt;
        return savedBefore < start ? savedBefore.Value : start;
    }
}
