using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>
/// Ours as in production, with default settings: the worker is a process of its own, the client lives in this one. A
/// prefix, queue, archive and schema of its own, all removed at the end.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    private readonly Lab _lab;
    private readonly bool _isSqlite;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-bench-");
    private IHost? _client;

    private Installation(Lab lab, bool isSqlite) => (_lab, _isSqlite) = (lab, isSqlite);

    public string Prefix { get; } = $"b{Guid.NewGuid():N}"[..20];

    public ICheckpointClient Client { get; private set; } = null!;

    public ICheckpointCache Cache => _client!.Services.GetRequiredService<ICheckpointCache>();

    /// <summary>The archive's tables in PostgreSQL.</summary>
    public PostgresTable Table { get; private set; } = null!;

    /// <summary>The archive's file of SQLite.</summary>
    public string SqlitePath => Path.Combine(_folder.FullName, "checkpoints.db");

    public WorkerProcess? Worker { get; private set; }

    /// <summary>Starts a client and, when asked, a worker.</summary>
    /// <param name="lab">The servers.</param>
    /// <param name="isSqlite">The archive is SQLite instead of PostgreSQL.</param>
    /// <param name="hasWorker">Whether a worker runs.</param>
    /// <param name="configure">Changes the client's options.</param>
    public static async Task<Installation> StartAsync(
        Lab lab, bool isSqlite = false, bool hasWorker = true, Action<CheckpointOptions>? configure = null)
    {
        var installation = new Installation(lab, isSqlite);
        try
        {
            installation.Table = await PostgresTable.OpenAsync(lab, installation.Prefix, create: false);
            if (hasWorker)
            {
                await installation.StartWorkerAsync();
            }

            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Services.AddAsyncCheckpoints(options =>
            {
                options.Redis = lab.Servers.Redis;
                options.RabbitMq = lab.Servers.RabbitMq;
                options.Prefix = installation.Prefix;
                configure?.Invoke(options);
            });
            installation._client = builder.Build();
            await installation._client.StartAsync();
            installation.Client = installation._client.Services.GetRequiredService<ICheckpointClient>();
            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the worker and waits until it is ready.</summary>
    public async Task StartWorkerAsync()
    {
        Worker = await WorkerProcess.StartAsync(new Dictionary<string, string?>
        {
            ["ConnectionStrings__Redis"] = _lab.Servers.Redis,
            ["ConnectionStrings__RabbitMq"] = _lab.Servers.RabbitMq,
            ["ConnectionStrings__Postgres"] = _isSqlite ? null : _lab.Servers.Postgres,
            ["Checkpoints__Prefix"] = Prefix,
            ["Worker__Schema"] = Prefix,
            ["Worker__DataPath"] = _folder.FullName,
        });
        await WorkerReadiness.WaitAsync(Worker);
    }

    /// <summary>Stops the worker in an orderly way.</summary>
    public async Task StopWorkerAsync()
    {
        if (Worker is { } worker)
        {
            Worker = null;
            worker.Terminate();
            await worker.WaitForExitAsync(TimeSpan.FromSeconds(60));
            await worker.DisposeAsync();
        }
    }

    /// <summary>Waits until every pending mark is settled and every event delivered, and checks what was promised.</summary>
    /// <param name="saves">The saves that were made.</param>
    public async Task VerifyAsync(long saves)
    {
        await Load.UntilAsync(async () => (await Cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "pending marks are settled");
        if (_isSqlite)
        {
            await using var database = SqliteBatches.Open(SqlitePath);
            Expect.Equal(saves, SqliteBatches.Scalar(database, "SELECT count(*) FROM checkpoints"), "rows in SQLite");
            await Load.UntilAsync(
                () => Task.FromResult(SqliteBatches.Scalar(database, "SELECT count(*) FROM outbox WHERE delivered_at IS NULL") == 0),
                "the outbox is delivered");
            Expect.Equal(saves, SqliteBatches.Scalar(database, "SELECT sum(json_array_length(changes)) FROM outbox"), "events");
            return;
        }

        await Load.UntilAsync(
            async () => await Table.ScalarAsync<long>($"SELECT count(*) FROM {Prefix}.outbox WHERE delivered_at IS NULL") == 0,
            "the outbox is delivered");
        Expect.Equal(saves, await CountEventsAsync(), "events in the outbox");
        for (var i = 0; i < 20; i++)
        {
            var latest = await Client.LoadLatestAsync(Rows.Execution(i));
            var archived = await Table.ScalarAsync<long>(
                $"SELECT coalesce(max(sequence), 0) FROM {Prefix}.checkpoints WHERE execution_id = '{Rows.Execution(i)}' AND namespace = ''");
            Expect.Equal(archived, latest?.Sequence ?? 0, "the latest sequence in Redis");
        }
    }

    /// <summary>The events that the outbox in PostgreSQL has held so far.</summary>
    public Task<long> CountEventsAsync() =>
        Table.ScalarAsync<long>($"SELECT coalesce(sum(json_array_length(changes)), 0) FROM {Prefix}.outbox");

    /// <summary>Removes every checkpoint from Redis.</summary>
    public async Task ForgetCacheAsync()
    {
        var redis = await RawRedis.ConnectAsync(_lab);
        await RawRedis.DeleteAsync(redis, $"{{{Prefix}:*");
        await redis.CloseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.StopAsync();
            _client.Dispose();
        }

        await StopWorkerAsync();
        await RemoveAsync();
        await Table.DropAsync();
        await Table.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task RemoveAsync()
    {
        await ForgetCacheAsync();
        await using var rabbit = await RabbitPublish.ConnectAsync(_lab);
        await using var channel = await rabbit.CreateChannelAsync();
        var names = new QueueNames(Prefix);
        foreach (var queue in new[] { names.Commands, names.DeadCommands, names.Reads })
        {
            await channel.QueueDeleteAsync(queue);
        }
    }
}
