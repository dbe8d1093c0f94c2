using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>A store of another program. It is only read.</summary>
internal interface IForeignStore : IAsyncDisposable
{
    /// <summary>What belongs to no execution, and so nowhere.</summary>
    IReadOnlyList<JobFinding> Strays { get; }

    /// <summary>Executions by prefix, after one, in UTF-8 byte order.</summary>
    Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>An execution's checkpoints without their states, in the order of the input.</summary>
    Task<ForeignIndex> IndexAsync(string execution, CancellationToken cancellationToken);

    /// <summary>Checkpoints with their states; one that has gone in between is left out.</summary>
    Task<IReadOnlyList<ForeignCheckpoint>> LoadAsync(string execution, IReadOnlyList<ForeignEntry> entries, CancellationToken cancellationToken);

    /// <summary>How many checkpoints there are; null where counting takes too long.</summary>
    Task<long?> CountAsync(string prefix, CancellationToken cancellationToken);
}

/// <summary>An execution's checkpoints.</summary>
/// <param name="Entries">Those that can be read.</param>
/// <param name="Problems">The others.</param>
internal sealed record ForeignIndex(IReadOnlyList<ForeignEntry> Entries, IReadOnlyList<JobFinding> Problems);

/// <summary>A checkpoint of another program, without its state.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Timestamp">When it was made.</param>
/// <param name="Nanoseconds">What a tick does not tell: 0 to 99.</param>
/// <param name="Version">Its number.</param>
/// <param name="Locator">Where it is.</param>
internal sealed record ForeignEntry(string Id, DateTimeOffset Timestamp, int Nanoseconds, long Version, string Locator);

/// <summary>A checkpoint of another program.</summary>
/// <param name="Entry">What the index says.</param>
/// <param name="NodeName">The step.</param>
/// <param name="State">The state's bytes.</param>
/// <param name="Metadata">JSON, if any.</param>
internal sealed record ForeignCheckpoint(ForeignEntry Entry, string NodeName, ReadOnlyMemory<byte> State, string? Metadata);
