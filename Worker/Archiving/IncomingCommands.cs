using System.Diagnostics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>A message of commands, or what a rescue found, ready for the archive.</summary>
/// <param name="Command">What can be archived.</param>
/// <param name="DeadLetters">What cannot, and why.</param>
/// <param name="Rejections">The same by position in the message, for its sender; what the archive refuses is added.</param>
/// <param name="Marks">The pending marks that are settled once this is committed.</param>
/// <param name="Size">How many checkpoints and deletions there are.</param>
/// <param name="Bytes">What the records take, or their states where they are compressed.</param>
internal sealed record IncomingCommands(
    ArchiveCommand Command,
    IReadOnlyList<DeadLetter> DeadLetters,
    List<Rejection> Rejections,
    IReadOnlyList<PendingMark> Marks,
    int Size,
    long Bytes)
{
    /// <summary>The trace contexts of the saves, while somebody listens.</summary>
    public IReadOnlyList<ActivityContext> Traces { get; init; } = [];
}
