using AsyncCheckpoints.Worker.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>
/// The API on a real Kestrel on a free loopback port. A class that derives from it adds the client that the API serves,
/// with whatever hosted services that needs; the tests of a class share one host.
/// </summary>
public abstract class ApiHost : IAsyncLifetime
{
    private WebApplication? _app;

    public HttpClient Http { get; private set; } = null!;

    public Uri Address => Http.BaseAddress!;

    public LogRecorder Logs { get; } = new();

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(Logs).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddCheckpointApi();
        AddClient(builder);
        _app = builder.Build();
        _app.MapCheckpointApi();
        await _app.StartAsync();
        Http = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    public virtual async Task DisposeAsync()
    {
        Http?.Dispose();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    /// <summary>Adds an <see cref="ICheckpointClient"/>.</summary>
    protected abstract void AddClient(WebApplicationBuilder builder);
}
