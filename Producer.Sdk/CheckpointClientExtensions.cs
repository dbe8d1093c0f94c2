using System.Runtime.CompilerServices;

namespace AsyncCheckpoints;

/// <summary>Shorter calls of the client, and listings without pages.</summary>
public static class CheckpointClientExtensions
{
    // Without optional parameters: a call that fills all of them goes before one of the typed SaveAsync<T>.

    /// <summary>Saves a checkpoint as it is, up to a level.</summary>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The checkpoint, its state set.</param>
    /// <param name="durability">The level to reach.</param>
    /// <returns>What was reached.</returns>
    /// <exception cref="CheckpointException">As <see cref="ICheckpointClient.SaveAsync"/>.</exception>
    public static Task<SaveResult> SaveAsync(this ICheckpointClient client, Checkpoint checkpoint, Durability durability) =>
        client.SaveAsync(checkpoint, durability, CancellationToken.None);

    /// <summary>Saves a checkpoint as it is, up to a level.</summary>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The checkpoint, its state set.</param>
    /// <param name="durability">The level to reach.</param>
    /// <param name="cancellationToken">Stops waiting; the save goes on.</param>
    /// <returns>What was reached.</returns>
    /// <exception cref="CheckpointException">As <see cref="ICheckpointClient.SaveAsync"/>.</exception>
    public static Task<SaveResult> SaveAsync(
        this ICheckpointClient client, Checkpoint checkpoint, Durability durability, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.SaveAsync(checkpoint, new SaveOptions { Durability = durability }, cancellationToken);
    }

    /// <summary>Saves a checkpoint as it is, with the defaults.</summary>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The checkpoint, its state set.</param>
    /// <param name="cancellationToken">Stops waiting; the save goes on.</param>
    /// <returns>What was reached.</returns>
    /// <exception cref="CheckpointException">As <see cref="ICheckpointClient.SaveAsync"/>.</exception>
    public static Task<SaveResult> SaveAsync(this ICheckpointClient client, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.SaveAsync(checkpoint, null, cancellationToken);
    }

    /// <summary>
    /// Lists an execution's checkpoints to the end, page by page as they are asked for, also through pages that are short
    /// or empty. What is saved or deleted meanwhile may or may not be seen.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="query">
    /// What to list; <see cref="CheckpointQuery.Limit"/> is the size of a page, not the end. It starts after the page of
    /// <see cref="CheckpointQuery.ContinuationToken"/>, if that is set.
    /// </param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="ArgumentException">While it is read: the query is out of bounds; a retry fails again.</exception>
    /// <exception cref="CheckpointException">While it is read: as <see cref="ICheckpointClient.ListAsync"/>.</exception>
    public static IAsyncEnumerable<Checkpoint> EnumerateAsync(
        this ICheckpointClient client, CheckpointQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(query);
        return PagesAsync(client, query, cancellationToken);
    }

    /// <summary>
    /// Lists the executions that have checkpoints, in UTF-8 byte order, to the end, page by page as they are asked for,
    /// also through pages that are short or empty.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="prefix">Only ids that start with this.</param>
    /// <param name="contains">Only ids that have this in them. There is no index for that: every id with the prefix is looked at.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="ArgumentException">While it is read: a text is out of bounds; a retry fails again.</exception>
    /// <exception cref="CheckpointException">While it is read: as <see cref="ICheckpointClient.ListExecutionsAsync"/>.</exception>
    public static IAsyncEnumerable<string> EnumerateExecutionsAsync(
        this ICheckpointClient client, string prefix = "", string contains = "", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return PagesAsync(client, prefix, contains, cancellationToken);
    }

    private static async IAsyncEnumerable<Checkpoint> PagesAsync(
        ICheckpointClient client, CheckpointQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        do
        {
            var page = await client.ListAsync(query, cancellationToken);
            foreach (var checkpoint in page.Items)
            {
                yield return checkpoint;
            }

            query = query with { ContinuationToken = page.ContinuationToken };
        }
        while (query.ContinuationToken is not null);
    }

    private static async IAsyncEnumerable<string> PagesAsync(
        ICheckpointClient client, string prefix, string contains, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? token = null;
        do
        {
            var page = await client.ListExecutionsAsync(prefix, CheckpointQuery.MaxLimit, token, contains, cancellationToken);
            foreach (var id in page.Items)
            {
                yield return id;
            }

            token = page.ContinuationToken;
        }
        while (token is not null);
    }
}
