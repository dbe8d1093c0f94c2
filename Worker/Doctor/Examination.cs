using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Retention;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>All checks of what the settings name. It changes nothing.</summary>
internal static class Examination
{
    public static async Task<IReadOnlyList<Finding>> RunAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var parts = services.GetRequiredService<WorkerParts>();
        var findings = new List<Finding>();
        CheckpointOptions checkpoints;
        WorkerOptions worker;
        try
        {
            checkpoints = services.GetRequiredService<IOptions<CheckpointOptions>>().Value;
            worker = services.GetRequiredService<IOptions<WorkerOptions>>().Value;
            _ = services.GetRequiredService<IOptions<JobOptions>>().Value;
            _ = services.GetRequiredService<IOptions<RetentionOptions>>().Value;
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures.Select(failure => new Finding(Severity.Error, "settings", "valid", failure, "Change the setting."))];
        }

        findings.AddRange(CheckSettings(checkpoints, worker));
        if (parts.Redis is { } redis)
        {
            var clock = services.GetRequiredService<TimeProvider>();
            findings.AddRange(await AskAsync("redis", () => RedisCheckup.RunAsync(redis, checkpoints, clock, cancellationToken), cancellationToken));
            findings.AddRange(await AskAsync("rabbitmq", () => RabbitMqCheckup.RunAsync(parts.RabbitMq!, new QueueNames(checkpoints.Prefix), cancellationToken), cancellationToken));
        }
        else
        {
            findings.Add(new Finding(Severity.Ok, "settings", "mode", "Queue and cache are in the worker's process: for one machine."));
        }

        findings.AddRange(parts.Postgres is { } postgres
            ? await AskAsync("postgres", () => PostgresCheckup.RunAsync(postgres, worker, services.GetRequiredService<TimeProvider>(), cancellationToken), cancellationToken)
            : await AskAsync("sqlite", () => Task.FromResult(SqliteCheckup.Run(worker)), cancellationToken));
        return findings;
    }

    private static IEnumerable<Finding> CheckSettings(CheckpointOptions checkpoints, WorkerOptions worker)
    {
        if (worker.TombstoneRetention < checkpoints.TombstoneRetention)
        {
            yield return new Finding(
                Severity.Warning,
                "settings",
                "tombstones",
                $"Worker:TombstoneRetention is {worker.TombstoneRetention}, less than Checkpoints:TombstoneRetention, {checkpoints.TombstoneRetention}.",
                "Make the worker's at least as long, or a late message can bring back what was deleted.");
        }
    }

    private static async Task<IReadOnlyList<Finding>> AskAsync(string part, Func<Task<IReadOnlyList<Finding>>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return [new Finding(Severity.Error, part, "reachable", $"It does not answer: {e.GetBaseException().Message}", "Check that it runs, the connection string, and the firewall between.")];
        }
    }
}
