namespace AsyncCheckpoints.Tests.Servers;

/// <summary>The servers that all tests share. Nobody may stop them; a test keeps to its own prefix, host or database.</summary>
internal static class SharedServers
{
    public static string Redis => Of("REDIS");

    public static string RabbitMq => Of("RABBITMQ");

    public static string Postgres => Of("POSTGRES");

    private static string Of(string name) =>
        Environment.GetEnvironmentVariable($"ASYNCCHECKPOINTS_TEST_{name}") is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"ASYNCCHECKPOINTS_TEST_{name} is not set: run the tests with `make test`, which starts the servers.");
}
