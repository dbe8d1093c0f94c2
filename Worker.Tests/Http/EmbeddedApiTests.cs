using AsyncCheckpoints.Worker.Hosting;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>The API of a worker with queue and cache in this process and SQLite in a folder of its own.</summary>
public sealed class EmbeddedApiHost : ApiHost
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("api");

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    protected override void AddClient(WebApplicationBuilder builder)
    {
        builder.Configuration["Worker:DataPath"] = _folder.FullName;
        builder.Services.AddCheckpointWorker(builder.Configuration);
    }
}

public sealed class EmbeddedApiTests(EmbeddedApiHost host) : ApiTests(host), IClassFixture<EmbeddedApiHost>;
