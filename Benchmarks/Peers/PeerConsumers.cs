using AsyncCheckpoints.Benchmarks.Measuring;
using MassTransit;

namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>One message, one INSERT.</summary>
internal sealed class InsertConsumer(PostgresTable table, Progress progress) : IConsumer<PeerSave>
{
    public async Task Consume(ConsumeContext<PeerSave> context)
    {
        await table.InsertAsync(ToRow(context.Message));
        progress.Add(1);
    }

    /// <summary>A message as a row.</summary>
    /// <param name="save">The message.</param>
    public static Row ToRow(PeerSave save) => new(save.ExecutionId, save.Id, save.Sequence, save.State);
}

/// <summary>MassTransit gathers messages to a batch; one INSERT … UNNEST for all of them.</summary>
internal sealed class BatchConsumer(PostgresTable table, Progress progress) : IConsumer<Batch<PeerSave>>
{
    public async Task Consume(ConsumeContext<Batch<PeerSave>> context)
    {
        await table.UnnestAsync([.. context.Message.Select(message => InsertConsumer.ToRow(message.Message))]);
        progress.Add(context.Message.Length);
    }
}

/// <summary>A message of many saves; one INSERT … UNNEST for it.</summary>
internal sealed class FatMessageConsumer(PostgresTable table, Progress progress) : IConsumer<PeerSaves>
{
    public async Task Consume(ConsumeContext<PeerSaves> context)
    {
        await table.UnnestAsync([.. context.Message.Saves.Select(InsertConsumer.ToRow)]);
        progress.Add(context.Message.Saves.Count);
    }
}
