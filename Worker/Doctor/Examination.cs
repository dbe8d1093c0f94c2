using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.CommandLine;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http.Access;
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
        List<string> refused =
        [
            .. Refused<CheckpointOptions>(services),
            .. Refused<WorkerOptions>(services),
            .. Refused<JobOptions>(services),
            .. Refused<RetentionOptions>(services),
            .. Refused<OtlpOptions>(services),
            .. Refused<ApiOptions>(services),
        ];
        if (refused.Count == 0)
        {
            refused.AddRange(ListenerCheck.FindRefused(services.GetRequiredService<IConfiguration>(), services.GetRequiredService<ApiAccess>()));
        }

        if (refused.Count > 0)
        {
            return [.. refused.Select(failure => new Finding(Severity.Error, "settings", "valid", failure, "Change the setting."))];
        }

        var checkpoints = services.GetRequiredService<IOptions<CheckpointOptions>>().Value;
        var worker = services.GetRequiredService<IOptions<WorkerOptions>>().Value;
        var findings = CheckSettings(checkpoints, worker).ToList();
        if (parts.Redis is { } redis)
        {
            var clock = services.GetRequiredService<TimeProvider>();
            findings.AddRange(await AskAsync("redis", found => RedisCheckup.RunAsync(redis, checkpoints, clock, found, cancellationToken), cancellationToken));
            findings.AddRange(await AskAsync("rabbitmq", found => RabbitMqCheckup.RunAsync(parts.RabbitMq!, new QueueNames(checkpoints.Prefix), found, cancellationToken), cancellationToken));
        }
        else
        {
            findings.Add(new Finding(Severity.Ok, "settings", "mode", "Queue and cache are in the worker's process: for one machine."));
        }

        findings.AddRange(parts.Postgres is { } postgres
            ? await AskAsync("postgres", found => PostgresCheckup.RunAsync(postgres, checkpoints.Prefix, worker, services.GetRequiredService<TimeProvider>(), found, cancellationToken), cancellationToken)
            : await AskAsync(
                "sqlite",
                found =>
                {
                    SqliteCheckup.Run(parts.IsEmbedded ? null : checkpoints.Prefix, worker, found);
                    return Task.CompletedTask;
                },
                cancellationToken));
        return findings;
    }

    // With what 'serve' would not start.
    private static IEnumerable<string> Refused<T>(IServiceProvider services)
        where T : class
    {
        try
        {
            _ = services.GetRequiredService<IOptions<T>>().Value;
            return [];
        }
        catch (OptionsValidationException e)
        {
            return e.Failures;
        }
        catch (InvalidOperationException e)
        {
            // The binder's: a value of another type, or a setting that it does not know.
            return [Terminal.MessageOf(e)];
        }
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

    private static async Task<IReadOnlyList<Finding>> AskAsync(string part, Func<List<Finding>, Task> ask, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        try
        {
            await ask(findings);
        }
        catch (ArgumentException e) when (findings.Count == 0)
        {
            findings.Add(new Finding(Severity.Error, part, "connection string", e.Message, "Correct it."));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // What was found before stays.
            findings.Add(findings.Count == 0
                ? new Finding(Severity.Error, part, "reachable", $"It does not answer: {e.GetBaseException().Message}", "Check that it runs, the connection string, and the firewall between.")
                : new Finding(Severity.Error, part, "complete", $"The other checks could not be made: {e.GetBaseException().Message}", "Check that it goes on running, and what the account may do."));
        }

        return findings;
    }
}
