using AsyncCheckpoints.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Tests.Sessions;

/// <summary>Sessions on a worker with queue and cache in this process and SQLite in a folder of its own.</summary>
public sealed class EmbeddedSessionTests : CheckpointSessionConformanceTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("session");
    private IHost? _host;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        if (_host is not null)
        {
            await _host.StopAsync();
            _host.Dispose();
        }

        _folder.Delete(recursive: true);
    }

    protected override async Task<ICheckpointClient> CreateClientAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration["Worker:DataPath"] = _folder.FullName;
        builder.Logging.ClearProviders();
        builder.Services.AddCheckpointWorker(builder.Configuration);
        _host = builder.Build();
        await _host.StartAsync();
        return _host.Services.GetRequiredService<ICheckpointClient>();
    }
}
