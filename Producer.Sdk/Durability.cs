namespace AsyncCheckpoints;

/// <summary>
/// How far a save has got when it returns. Each level survives what those before it survive, but does not imply them: while
/// Redis is away a save reaches <see cref="Queued"/> without it (<see cref="SaveResult.Cached"/> is false).
/// </summary>
public enum Durability
{
    /// <summary>In this process's bounded buffer. Survives nothing yet; a graceful stop drains it.</summary>
    Buffered = 0,

    /// <summary>Redis holds it, with its pending mark, in one atomic step. Survives the application's crash.</summary>
    Cached = 1,

    /// <summary>The broker has confirmed the command. Survives the crash of application, Redis and worker.</summary>
    Queued = 2,

    /// <summary>The archive's transaction has committed. Survives the loss of Redis and the broker too.</summary>
    Persisted = 3,
}
