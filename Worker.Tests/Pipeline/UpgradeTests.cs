using System.Text;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>This program as the older one, beside a newer one: what that writes has fields and columns of which this one does not know.</summary>
public sealed class UpgradeTests
{
    // Field 100, five bytes: as every protobuf program skips it.
    private static readonly byte[] UnknownField = [0xA2, 0x06, 0x05, .. "newer"u8];

    [Fact]
    public async Task Worker_DatabaseMigratedByANewerOneWhileItRuns_GoesOn()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var older = await deployment.StartWorkerAsync();
        await older.Services.GetRequiredService<ArchiveState>().WhenMigrated;
        var client = await deployment.CreateClientAsync();
        await SaveAsync(client, "before");

        // As a migration is to be written: it adds, and what it adds has a default.
        await using (var source = NpgsqlDataSource.Create(SharedServers.Postgres))
        await using (var command = source.CreateCommand(
            $"""
            ALTER TABLE {deployment.Prefix}.checkpoints ADD COLUMN region text NOT NULL DEFAULT 'eu';
            ALTER TABLE {deployment.Prefix}.outbox ADD COLUMN priority integer NOT NULL DEFAULT 0;
            INSERT INTO {deployment.Prefix}.schema_version (version, name) VALUES (9999, '9999_newer.sql')
            """))
        {
            await command.ExecuteNonQueryAsync();
        }

        await SaveAsync(client, "after");
        await client.DeleteAsync(new CheckpointKey("run", "before"), Durability.Persisted);

        (await Deployment.ArchivedAsync(older, "run")).ShouldHaveSingleItem().Id.ShouldBe("after");
        await Deployment.UntilAsync(
            async () => (await Deployment.ArchiveOf(older).GetOutboxStatsAsync(default)).Pending == 0, "the older worker delivers its events");

        // Started anew it would not know what it meets.
        (await Should.ThrowAsync<CheckpointException>(() => Deployment.ArchiveOf(older).MigrateAsync(default))).Message.ShouldContain("9999");
    }

    [Fact]
    public async Task Worker_MessagesWithFieldsOfANewerMinorVersion_AreArchivedAndRead()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await SaveAsync(client, "before");
        var checkpoint = new Checkpoint { ExecutionId = "run", Id = "newer", State = Encoding.UTF8.GetBytes("newer"), CreatedAt = DateTimeOffset.UnixEpoch };
        var record = CheckpointCodec.Encode(checkpoint).Record.ToArray();
        var save = new SaveCheckpoint { Sequence = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow()), Record = ByteString.CopyFrom([.. record, .. UnknownField]) };
        var message = new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion, CommandId = "newer" };
        message.Saves.Add(SaveCheckpoint.Parser.ParseFrom([.. save.ToByteArray(), .. UnknownField]));

        await PublishAsync(deployment, [.. message.ToByteArray(), .. UnknownField]);

        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "run")).Count == 2, "it is archived");
        await SaveAsync(client, "after");
        (await client.LoadAsync(new CheckpointKey("run", "newer"))).ShouldNotBeNull().State.ToArray().ShouldBe(checkpoint.State.ToArray());
        (await Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 10, true, default)).ShouldBeEmpty();
    }

    /// <summary>A client that is upgraded before the workers, across a version of the wire format: kept, and retried by the new worker.</summary>
    [Fact]
    public async Task Worker_MessagesOfANewerVersion_AreKeptAsDeadLetters()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await SaveAsync(client, "before");

        await PublishAsync(deployment, new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion + 1, CommandId = "next" }.ToByteArray());
        await SaveAsync(client, "after");

        await Deployment.UntilAsync(async () => (await Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 10, true, default)).Count == 1, "it is kept");
        (await Deployment.ArchivedAsync(worker, "run")).Count.ShouldBe(2);
    }

    private static Task<SaveResult> SaveAsync(ICheckpointClient client, string id) => client.SaveAsync(
        new Checkpoint { ExecutionId = "run", Id = id, State = Encoding.UTF8.GetBytes(id) }, new SaveOptions { Durability = Durability.Persisted });

    private static Task PublishAsync(Deployment deployment, byte[] body) =>
        RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, (WireFormat.ContentType.MediaType, body));
}
