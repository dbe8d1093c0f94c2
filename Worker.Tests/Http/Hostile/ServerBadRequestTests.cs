using AsyncCheckpoints.Tests.Storage.Postgres;
using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>On Redis, RabbitMQ and PostgreSQL.</summary>
public sealed class ServerBadRequestHost : BadRequestHost
{
    public override async Task InitializeAsync()
    {
        Worker.UseServers();
        Worker["ConnectionStrings__Postgres"] = await PostgresDatabase.CreateAsync();
        await base.InitializeAsync();
    }
}

public sealed class ServerBadRequestTests(ServerBadRequestHost host, ITestOutputHelper output)
    : BadRequestTests(host, output, 300), IClassFixture<ServerBadRequestHost>;
