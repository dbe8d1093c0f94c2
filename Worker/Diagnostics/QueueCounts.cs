namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>What is in the queues of commands.</summary>
/// <param name="Waiting">What waits in the command queue; null: it does not exist yet.</param>
/// <param name="Dead">What the broker gave up; null: no broker.</param>
internal readonly record struct QueueCounts(long? Waiting, long? Dead);
