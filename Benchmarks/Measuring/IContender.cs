namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>One of those that do the same work: a floor (raw client), a peer (what a user would build first) or ours.</summary>
internal interface IContender : IAsyncDisposable
{
    /// <summary>What it is, for the table.</summary>
    string Name { get; }

    /// <summary>Connects, makes tables and queues, and runs everything once.</summary>
    /// <param name="lab">Servers and sizes.</param>
    Task PrepareAsync(Lab lab);

    /// <summary>One measured round, which checks that the work was really done.</summary>
    Task<Sample> RunAsync();
}
