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
    /// <summary>For a job that takes what there is when it starts: the moment from which on saves do not concern it.</summary>
    public DateTimeOffset Start => StartedAt > CreatedAt ? StartedAt : CreatedAt;
}
