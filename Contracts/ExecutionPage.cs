namespace AsyncCheckpoints;

/// <summary>One page of execution ids.</summary>
/// <param name="Items">The ids, in UTF-8 byte order.</param>
/// <param name="ContinuationToken">
/// Pass it to get the next page; <see langword="null"/> on the last. A search by a part of the id may give one with a page
/// that is not full, or empty.
/// </param>
public sealed record ExecutionPage(IReadOnlyList<string> Items, string? ContinuationToken);
