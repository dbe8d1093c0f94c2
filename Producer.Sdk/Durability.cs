namespace AsyncCheckpoints;

/// <summary>How far a save has got when it returns. Each level includes those before it.</summary>
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
