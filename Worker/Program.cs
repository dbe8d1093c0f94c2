using AsyncCheckpoints.Worker.CommandLine;
using AsyncCheckpoints.Worker.Dashboard;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Health;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http;

return await CheckpointsCommand.RunAsync(args, async settings =>
{
    // Settings lie beside the program; data go where it is started.
    var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = settings, ContentRootPath = AppContext.BaseDirectory });
    builder.Services
        .AddCheckpointWorker(builder.Configuration)
        .AddCheckpointApi()
        .AddHostedService<LoopbackListener>();
    if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
    {
        builder.WebHost.UseUrls("http://127.0.0.1:8470");
    }

    var app = builder.Build();
    app.MapWorkerHealth();
    app.MapWorkerMetrics();
    app.MapCheckpointApi();
    app.MapOperationsApi();
    app.MapCheckpointDashboard();
    await app.RunAsync();
});
