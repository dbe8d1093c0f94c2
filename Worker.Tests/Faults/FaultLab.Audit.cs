using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shouldly;

namespace AsyncCheckpoints.Tests.Faults;

/// <content>The end of a run: settle, compare.</content>
internal sealed partial class FaultLab
{
    /// <summary>Lets everything settle, compares, and fails where ledger, archive, Redis and events differ.</summary>
    /// <param name="client">A client that is up.</param>
    public async Task AuditAsync(IHost client)
    {
        var verdict = await InspectAsync(client);
        verdict.IsClean.ShouldBeTrue(verdict.ToString());
        verdict.Acknowledged.ShouldBeGreaterThan(0);
    }

    /// <summary>Lets everything settle and compares.</summary>
    public async Task<Verdict> InspectAsync(IHost client)
    {
        await ClientOf(client).FlushAsync().WaitAsync(Patience);
        Timeline.Note("flushed");
        await SettleAsync(client);
        var verdict = new Verdict();
        var auditor = new Auditor(Ledger.Snapshot(), IsPromised, IsOfAnotherBuild, verdict);
        var rows = await auditor.AuditArchiveAsync(Archive);
        foreach (var letter in await Archive.ListDeadLettersAsync(null, 10, true, CancellationToken.None))
        {
            verdict.Add($"Dead letter {letter.Letter.Id}: {letter.Letter.Reason}");
        }

        await auditor.AuditCacheAsync(CacheOf(client), rows, operation => AtRisk.Contains(WorkloadOf(operation)));
        await auditor.AuditClientAsync(ClientOf(client), rows);
        await AuditEventsAsync(rows, verdict);

        await AuditQueueAsync(verdict);
        Timeline.Note(verdict.ToString());
        return verdict;
    }

    /// <summary>
    /// What the queue by itself has brought to the archive, by workers that rescue nothing: fails where a promise would be
    /// kept only by the rescuer. Ends the workers.
    /// </summary>
    /// <param name="client">A client that is up.</param>
    public async Task AuditRedeliveryAsync(IHost client)
    {
        await ClientOf(client).FlushAsync().WaitAsync(Patience);
        await UntilAsync(async () => await CountMessagesAsync() == 0, "the queue is empty");
        var verdict = new Verdict();
        await AuditQueueAsync(verdict);
        await new Auditor(Ledger.Snapshot(), IsPromised, IsOfAnotherBuild, verdict).AuditArchiveAsync(Archive);
        Timeline.Note($"before any rescue: {verdict}");
        verdict.IsClean.ShouldBeTrue(verdict.ToString());
    }

    /// <summary>
    /// What workers held without an acknowledgement is back on the queue once they are gone. None may be gone before, unless the
    /// test ended it.
    /// </summary>
    private async Task AuditQueueAsync(Verdict verdict)
    {
        foreach (var worker in _workers)
        {
            await EndAsync(worker);
        }

        _endings.ForEach(verdict.Add);

        if (await CountMessagesAsync() is var left and > 0)
        {
            verdict.Add($"{left} messages are on the queue after the last worker has gone");
        }
    }

    /// <summary>Nothing pending in Redis, nothing on the queue, nothing in the outbox.</summary>
    public async Task SettleAsync(IHost client)
    {
        var left = "";
        try
        {
            await UntilAsync(
                async () =>
                {
                    var pending = await GetPendingAsync(client);
                    var messages = await CountMessagesAsync();
                    var outbox = await Archive.GetOutboxStatsAsync(CancellationToken.None);
                    left = $"{pending.Count} pending, {messages} messages, {outbox.Pending} outbox entries";
                    return pending.Count == 0 && messages == 0 && outbox.Pending == 0;
                },
                "nothing is under way");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"It did not settle: {left}", e);
        }

        Timeline.Note("settled");
    }

    /// <summary>Nothing is pending in Redis although the broker's leg is cut.</summary>
    public static Task UntilRescuedAsync(IHost client, TimeSpan? patience = null) =>
        UntilAsync(async () => (await GetPendingAsync(client)).Count == 0, "the rescuer has archived what is pending", patience);

    /// <summary>The marks in Redis, by the client's own link: it may still be on its way back, or keep away from Redis for a moment.</summary>
    private static async Task<PendingStats> GetPendingAsync(IHost client)
    {
        try
        {
            return await client.Services.GetRequiredService<CacheLink>().CallAsync(
                static (cache, _, cancellationToken) => cache.GetPendingStatsAsync(cancellationToken), true, CancellationToken.None);
        }
        catch (CheckpointUnavailableException)
        {
            return new PendingStats(long.MaxValue, TimeSpan.Zero);
        }
    }

    /// <summary>Messages on the command queue that no worker has in hand.</summary>
    public async Task<uint> CountMessagesAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(Servers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        return (await channel.QueueDeclarePassiveAsync(new QueueNames(Prefix).Commands)).MessageCount;
    }

    /// <summary>Waits until the other program has its queue of events, and has got all that are on it.</summary>
    public Task UntilListeningAsync() => UntilAsync(
        async () =>
        {
            try
            {
                await using var connection = await new ConnectionFactory { Uri = new Uri(Servers.RabbitMq) }.CreateConnectionAsync();
                await using var channel = await connection.CreateChannelAsync();
                var queue = await channel.QueueDeclarePassiveAsync(EventListener.QueueOf(Prefix));
                return queue is { ConsumerCount: > 0, MessageCount: 0 };
            }
            catch (Exception e) when (e is RabbitMQClientException or IOException)
            {
                return false;
            }
        },
        "somebody listens to the events");

    private bool IsPromised(Operation operation) =>
        operation.Reached is { } reached
        && (reached >= SafeLevel || operation.IsSpooled || !(operation.IsUnwritten || AtRisk.Contains(WorkloadOf(operation))));

    private bool IsOfAnotherBuild(Operation operation) => OfAnotherBuild.Contains(WorkloadOf(operation));

    private static string WorkloadOf(Operation operation) => operation.Owner.Split('.')[0];

    private async Task AuditEventsAsync(Dictionary<string, List<Checkpoint>> rows, Verdict verdict)
    {
        var all = rows.Values.SelectMany(list => list).ToList();
        try
        {
            await UntilAsync(
                () => Task.FromResult(all.TrueForAll(row => Events.Knows(row.Key, row.Sequence)) && Events.Vanished(rows).Count == 0),
                "every event has come");
        }
        catch (TimeoutException)
        {
            foreach (var row in all.Where(row => !Events.Knows(row.Key, row.Sequence)))
            {
                verdict.Add($"No event for {row.Key} at {row.Sequence}");
            }

            foreach (var vanished in Events.Vanished(rows))
            {
                verdict.Add($"No event for the deletion of {vanished}");
            }
        }

        foreach (var unstable in Events.Unstable())
        {
            verdict.Add(unstable);
        }
    }
}
