using System.Collections.Concurrent;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class SharedQueueTests
{
    [Fact]
    public async Task Workers_TenAtOnceOnAnEmptyDatabase_MigrateOnceAndAreHealthy()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["ConnectionStrings:Postgres"] = new NpgsqlConnectionStringBuilder(SharedServers.Postgres) { MaxPoolSize = 3 }.ConnectionString;
        var workers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => deployment.StartWorkerAsync()));
        foreach (var worker in workers)
        {
            await worker.Services.GetRequiredService<ArchiveState>().WhenMigrated.WaitAsync(Deployment.Patience);
            var health = worker.Services.GetRequiredService<HealthCheckService>();
            await Deployment.UntilAsync(async () => (await health.CheckHealthAsync()).Status == HealthStatus.Healthy, "every worker is healthy");
        }

        await using var source = NpgsqlDataSource.Create(SharedServers.Postgres);
        await using var command = source.CreateCommand($"SELECT count(*), count(DISTINCT version) FROM {deployment.Prefix}.schema_version");
        await using var reader = await command.ExecuteReaderAsync();
        (await reader.ReadAsync()).ShouldBeTrue();
        reader.GetInt64(0).ShouldBe(reader.GetInt64(1));
        reader.GetInt64(0).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Workers_ThreeOnAQueueOf50000_ArchiveEachOnceAndDeliverEveryEvent()
    {
        const int executions = 50;
        const int perExecution = 1000;
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var client = await deployment.CreateClientAsync(options => options.BatchMaxItems = 50);
        var events = new ConcurrentDictionary<string, int>();
        await using var listener = await EventListener.StartAsync(deployment, received =>
        {
            foreach (var persisted in received.Persisted)
            {
                events.AddOrUpdate(persisted.EventId, 1, (_, count) => count + 1);
            }
        });

        // The queue is full before the first worker comes.
        var saved = new ConcurrentBag<SaveResult>();
        await Task.WhenAll(Enumerable.Range(0, executions).Select(execution => Task.Run(async () =>
        {
            foreach (var chunk in Enumerable.Range(0, perExecution).Chunk(100))
            {
                foreach (var result in await Task.WhenAll(chunk.Select(i => client.SaveAsync(
                    new Checkpoint { ExecutionId = $"run-{execution}", Version = i, State = BitConverter.GetBytes(i) }))))
                {
                    saved.Add(result);
                }
            }
        })));
        saved.ShouldAllBe(result => result.Reached == Durability.Queued);

        var workers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => deployment.StartWorkerAsync()));
        await Deployment.UntilAsync(() => Task.FromResult(events.Count >= executions * perExecution), "every event is delivered", TimeSpan.FromMinutes(5));
        events.Count.ShouldBe(executions * perExecution);
        foreach (var stream in saved.GroupBy(result => result.Key.ExecutionId))
        {
            (await Deployment.ArchivedAsync(workers[0], stream.Key)).Select(checkpoint => checkpoint.Id)
                .ShouldBe(stream.OrderByDescending(result => result.Sequence).Select(result => result.Key.Id));
        }
    }

    /// <summary>Another program that listens to the events.</summary>
    private sealed class EventListener(IBusControl bus) : IAsyncDisposable
    {
        public static async Task<EventListener> StartAsync(Deployment deployment, Action<CheckpointEvents> received)
        {
            var names = new QueueNames(deployment.Prefix);
            var bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
            {
                rabbit.Host(new Uri(SharedServers.RabbitMq));
                rabbit.Message<CheckpointEvents>(message => message.SetEntityName(names.Events));
                rabbit.ReceiveEndpoint($"{names.Events}.test", endpoint => endpoint.Handler<CheckpointEvents>(context =>
                {
                    received(context.Message);
                    return Task.CompletedTask;
                }));
            });
            await bus.StartAsync();
            return new EventListener(bus);
        }

        public async ValueTask DisposeAsync() => await bus.StopAsync();
    }
}
