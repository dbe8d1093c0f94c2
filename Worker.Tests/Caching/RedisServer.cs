namespace AsyncCheckpoints.Tests.Caching;

/// <summary>The Redis that the tests run against.</summary>
internal static class RedisServer
{
    /// <summary>Its connection string.</summary>
    public static string ConnectionString => Environment.GetEnvironmentVariable("ASYNCCHECKPOINTS_TEST_REDIS")
        ?? throw new InvalidOperationException("ASYNCCHECKPOINTS_TEST_REDIS is not set: run the tests with `make test`, which starts a server.");
}
