using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>
/// The worker as its own program composes it, with watches around its archive, its cache and its buses that kill the
/// process at a step. The worker itself has no failpoints.
/// </summary>
internal static class FailpointWorker
{
    public static async Task<int> RunAsync(WorkerStep step, int occurrence)
    {
        var failpoint = new Failpoint(step, occurrence);
        var messages = new MessageWatch(failpoint);
        if (step == WorkerStep.InboxWritten)
        {
            SqliteCommitWatch.Start("/* inbox.add */", () => failpoint.Reached(step));
        }

        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services
            .AddCheckpointWorker(builder.Configuration)
            .AddCheckpointApi()
            .AddHostedService<ListenerCheck>();
        if (step == WorkerStep.BeforeJobPosition)
        {
            CallWatch.Watch<IJobStore, IJobStore>(builder.Services, BeforeJobStore);
        }
        else
        {
            CallWatch.Watch<ICheckpointArchive, IWatchedArchive>(builder.Services, BeforeArchive, AfterArchive);
            CallWatch.Watch<ICheckpointCache, ICheckpointCache>(builder.Services, BeforeCache);
        }

        var app = builder.Build();
        app.MapCheckpointWorker();
        if (step != WorkerStep.BeforeJobPosition)
        {
            var bus = app.Services.GetRequiredService<IWorkerBus>();
            bus.ConnectConsumeMessageObserver(messages);
            bus.ConnectReceiveObserver(messages);
            app.Services.GetRequiredService<ICheckpointBus>().ConnectPublishObserver(messages);
        }

        await app.RunAsync();
        return 0;

        void BeforeArchive(string call)
        {
            if (call == nameof(ICheckpointArchive.MarkDeliveredAsync))
            {
                failpoint.Reached(WorkerStep.BeforeMarked);
            }
        }

        void BeforeJobStore(string call)
        {
            if (call == nameof(IJobStore.SaveJobProgressAsync))
            {
                failpoint.Reached(WorkerStep.BeforeJobPosition);
            }
        }

        void AfterArchive(string call, Task done)
        {
            if (call == nameof(ICheckpointArchive.CommitAsync))
            {
                failpoint.Reached(WorkerStep.Committed);
            }
            else if (done is Task<IReadOnlyList<OutboxEntry>> claim && claim.GetAwaiter().GetResult().Count > 0)
            {
                messages.HasClaimed = true;
            }
        }

        void BeforeCache(string call)
        {
            if (call == nameof(ICheckpointCache.SettleAsync) && messages.HasAcknowledged)
            {
                failpoint.Reached(WorkerStep.BeforePendingCleared);
            }
        }
    }
}
