using AsyncCheckpoints.Worker.Jobs.Backfill;
using AsyncCheckpoints.Worker.Jobs.DeadLetters;
using AsyncCheckpoints.Worker.Jobs.Erase;
using AsyncCheckpoints.Worker.Jobs.Export;
using AsyncCheckpoints.Worker.Jobs.Replay;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Jobs.Verify;
using AsyncCheckpoints.Worker.Retention;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Registers what jobs need; the duties that run them are the worker's.</summary>
internal static class JobServices
{
    public static IServiceCollection AddJobs(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<JobOptions>().BindStrictly(configuration.GetSection("Jobs")).ValidateOnStart();
        services.AddOptions<RetentionOptions>().BindStrictly(configuration.GetSection("Retention")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<JobOptions>, JobOptionsValidator>();
        services.AddSingleton<IValidateOptions<RetentionOptions>, RetentionOptionsValidator>();
        services.AddSingleton(provider => (IJobStore)provider.GetRequiredService<ICheckpointArchive>());
        services.AddSingleton<JobFiles>();
        services.AddSingleton<JobSignal>();
        services.AddSingleton<JobStarter>();
        services.AddSingleton<SourceFactory>();
        services.AddSingleton<ArchiveImport>();
        services.AddSingleton<ForeignBackfill>();
        services.AddSingleton<CacheWarming>();
        services.AddSingleton<ReplaySender>();
        services.AddSingleton<DeadLetterRetry>();
        services.AddSingleton<LetterErasure>();
        return services
            .AddSingleton<IJobKind, BackfillJob>()
            .AddSingleton<IJobKind, DeadLetterDiscardJob>()
            .AddSingleton<IJobKind, DeadLetterRetryJob>()
            .AddSingleton<IJobKind, EraseJob>()
            .AddSingleton<IJobKind, ExportJob>()
            .AddSingleton<IJobKind, ReplayJob>()
            .AddSingleton<IJobKind, RetentionJob>()
            .AddSingleton<IJobKind, VerifyJob>();
    }
}
