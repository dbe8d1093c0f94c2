using AsyncCheckpoints.Tests.Pipeline;

namespace AsyncCheckpoints.Tests.Sessions;

/// <summary>Sessions over the SDK, on Redis and RabbitMQ.</summary>
public abstract class ServerSessionTests(ArchiveKind archive) : CheckpointSessionConformanceTests
{
    private readonly List<Deployment> _deployments = [];

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var deployment in _deployments)
        {
            await deployment.DisposeAsync();
        }
    }

    protected override async Task<ICheckpointClient> CreateClientAsync()
    {
        var deployment = new Deployment(archive);
        _deployments.Add(deployment);
        await deployment.StartWorkerAsync();
        return await deployment.CreateClientAsync();
    }
}

public sealed class RedisSqliteSessionTests() : ServerSessionTests(ArchiveKind.Sqlite);

public sealed class RedisPostgresSessionTests() : ServerSessionTests(ArchiveKind.Postgres);
