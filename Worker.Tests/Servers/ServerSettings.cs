namespace AsyncCheckpoints.Tests.Servers;

/// <summary>What a test wants different from infra/redis.conf, infra/rabbitmq.conf and PostgreSQL's defaults.</summary>
internal sealed record ServerSettings
{
    /// <summary>always, everysec or no.</summary>
    public string RedisAppendFsync { get; init; } = "everysec";

    /// <summary>More arguments of redis-server, split at spaces: <c>--maxmemory 10mb</c>.</summary>
    public string RedisArguments { get; init; } = "";

    /// <summary>More environment of redis-server, split at spaces: <c>NAME=value</c>.</summary>
    public string RedisEnvironment { get; init; } = "";

    /// <summary>More lines of rabbitmq.conf.</summary>
    public string RabbitMqConfiguration { get; init; } = "";

    /// <summary>More arguments of postgres, split at spaces: <c>-c fsync=off</c>.</summary>
    public string PostgresArguments { get; init; } = "";
}
