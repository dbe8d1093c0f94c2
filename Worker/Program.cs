using AsyncCheckpoints.Worker.CommandLine;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http;

HeartbeatRace.Survive();
return await CheckpointsCommand.RunAsync(args, async settings =>
{
    var builder = WorkerSettings.CreateBuilder(settings);
    builder.Services
        .AddCheckpointWorker(builder.Configuration)
        .AddCheckpointApi()
        .AddHostedService<ListenerCheck>();
    if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
    {
        builder.WebHost.UseUrls("http://127.0.0.1:8470");
    }

    var app = builder.Build();
    app.MapCheckpointWorker();
    var watch = app.Services.GetRequiredService<ConsumptionWatch>();
    var backgroundServices = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
    var stopping = app.Lifetime.ApplicationStopping;
    try
    {
        await app.RunAsync();
    }
    catch (OperationCanceledException) when (stopping.IsCancellationRequested)
    {
        // Told to stop while a part of it was still starting, or a part that cannot be stopped any more.
    }

    return watch.HasGivenUp || backgroundServices.Exists(service => service.ExecuteTask is { IsFaulted: true }) ? ExitCodes.Failed : ExitCodes.Done;
});
