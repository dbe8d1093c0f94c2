using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Which servers the worker uses.</summary>
/// <param name="Redis">StackExchange.Redis configuration; null: the cache is in this process.</param>
/// <param name="RabbitMq">The broker's URI; null: the bus is in this process.</param>
/// <param name="Postgres">Npgsql connection string; null: SQLite.</param>
internal sealed record WorkerParts(string? Redis, string? RabbitMq, string? Postgres)
{
    /// <summary>Whether cache and bus are in this process, so that nobody else can take part.</summary>
    public bool IsEmbedded => Redis is null;

    /// <summary>Reads the connection strings.</summary>
    /// <param name="configuration">The configuration.</param>
    public static WorkerParts From(IConfiguration configuration)
    {
        var parts = new WorkerParts(Get("Redis"), Get("RabbitMq"), Get("Postgres"));
        if (parts.Redis is null != parts.RabbitMq is null)
        {
            throw new OptionsValidationException(
                "ConnectionStrings",
                typeof(WorkerParts),
                ["ConnectionStrings:Redis and ConnectionStrings:RabbitMq go together: give both, or neither for the embedded worker."]);
        }

        if (parts.RabbitMq is { } rabbitMq && !(Uri.TryCreate(rabbitMq, UriKind.Absolute, out var uri) && uri.Scheme is "amqp" or "amqps"))
        {
            throw new OptionsValidationException(
                "ConnectionStrings", typeof(WorkerParts), ["ConnectionStrings:RabbitMq is not a URI such as amqp://user:password@host/vhost."]);
        }

        return parts;

        string? Get(string name) => configuration.GetConnectionString(name) is { } value && !string.IsNullOrWhiteSpace(value) ? value : null;
    }
}
