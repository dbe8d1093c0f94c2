using System.CommandLine;
using System.Text.Json;
using AsyncCheckpoints.Worker.Jobs.Erase;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Verbs that start jobs, and the one that lists them.</summary>
internal static class JobVerbs
{
    public static Command Replay()
    {
        var to = new Argument<string>("to") { Description = "cache, events, queue:NAME or exchange:NAME." };
        to.CompletionSources.Add("cache", "events");
        var node = new Option<string?>("--node") { Description = "Only this step." };
        var metadata = new Option<string?>("--metadata") { Description = "Only with these members: a JSON object." };
        var from = new Option<DateTimeOffset?>("--saved-from") { Description = "Only saved at this moment or later." };
        var before = new Option<DateTimeOffset?>("--saved-before") { Description = "Only saved before this moment." };
        var ns = new Option<string?>("--namespace", "-n") { Description = "Only this namespace." };
        var (execution, prefix) = (SharedOptions.Execution(), SharedOptions.Prefix());
        var command = new Command("replay", "Re-send archived checkpoints: to Redis, to a queue or exchange, or as events.") { to, node, metadata, from, before, execution, prefix, ns };
        return Job(command, "replay", result => new
        {
            to = result.GetValue(to),
            execution = result.GetValue(execution),
            executionPrefix = result.GetValue(prefix),
            @namespace = result.GetValue(ns),
            node = result.GetValue(node),
            metadata = ParseJson(result.GetValue(metadata)),
            savedFrom = result.GetValue(from),
            savedBefore = result.GetValue(before),
        });
    }

    public static Command Backfill()
    {
        var source = new Argument<string>("source") { Description = "cache, file, or a name of Jobs:Sources in the worker's configuration." };
        source.CompletionSources.Add("cache", "file");
        var path = new Option<string?>("--path") { Description = "With file: a file in the worker's folder of jobs." };
        var before = new Option<DateTimeOffset?>("--saved-before") { Description = "Only saved before this moment; not from a file or langgraphgo." };
        var (execution, prefix) = (SharedOptions.Execution(), SharedOptions.Prefix());
        var command = new Command("backfill", "Bring into the archive what it lacks. Exit code 4 when something could not be read; it is listed.") { source, path, before, execution, prefix };
        return Job(command, "backfill", result => new
        {
            source = result.GetValue(source),
            path = result.GetValue(path),
            savedBefore = result.GetValue(before),
            execution = result.GetValue(execution),
            executionPrefix = result.GetValue(prefix),
        });
    }

    public static Command Verify()
    {
        var against = new Option<string?>("--against") { Description = "cache, or a name of Jobs:Sources in the worker's configuration." };
        against.CompletionSources.Add("cache");
        var before = new Option<DateTimeOffset?>("--saved-before") { Description = "Only saved before this moment." };
        var (execution, prefix) = (SharedOptions.Execution(), SharedOptions.Prefix());
        var command = new Command("verify", "Compare the archive with its checksums, and with another store. Exit code 4 when something differs; it is listed.") { against, before, execution, prefix };
        return Job(command, "verify", result => new
        {
            against = result.GetValue(against),
            savedBefore = result.GetValue(before),
            execution = result.GetValue(execution),
            executionPrefix = result.GetValue(prefix),
        });
    }

    public static Command Retention()
    {
        var executions = new Option<string?>("--executions") { Description = "A pattern with * and ?; needs --max-age or --keep-last. Without these three the configured rules apply." };
        var maxAge = new Option<TimeSpan?>("--max-age") { Description = "Delete what is older, such as 30.00:00:00." };
        var keepLast = new Option<int?>("--keep-last") { Description = "Keep the newest so many of each stream." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only count." };
        var prefix = SharedOptions.Prefix();
        var command = new Command("retention", "Delete what the rules do not keep.") { executions, maxAge, keepLast, dryRun, prefix };
        return Job(command, "retention", result => new
        {
            executionPrefix = result.GetValue(prefix),
            dryRun = result.GetValue(dryRun),
            rules = result.GetValue(maxAge) is null && result.GetValue(keepLast) is null && result.GetValue(executions) is null
                ? null
                : new[] { new { executions = result.GetValue(executions) ?? "*", maxAge = result.GetValue(maxAge), keepLast = result.GetValue(keepLast) } },
        });
    }

    public static Command Erase()
    {
        var executions = new Option<string?>("--executions") { Description = "A pattern with * and ?. Without --metadata all of these executions goes." };
        var metadata = new Option<string?>("--metadata") { Description = "Only checkpoints with these members: a JSON object." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only count." };
        var spools = new Option<string[]>("--spool") { Description = "Instead, out of the file of an application's spool, here and without a worker; may be repeated. The application must be stopped." };
        var command = new Command("erase", "Erase what is stored of a person, in Redis, archive and dead letters. Exit code 4 when something could not be reached; it is listed.") { executions, metadata, dryRun, spools };
        return Job(
            command,
            "erase",
            result => new
            {
                executions = result.GetValue(executions),
                metadata = ParseJson(result.GetValue(metadata)),
                dryRun = result.GetValue(dryRun),
            },
            instead: (result, isJson, cancellationToken) => result.GetValue(spools) is { Length: > 0 } files
                ? SpoolVerb.Erase(
                    files,
                    new EraseArguments { Executions = result.GetValue(executions), Metadata = ParseJson(result.GetValue(metadata)), DryRun = result.GetValue(dryRun) },
                    isJson,
                    cancellationToken)
                : null);
    }

    public static Command Jobs()
    {
        var command = new Command("jobs", "List, show, follow and cancel jobs.");
        var (url, json, limit) = (SharedOptions.Url(), SharedOptions.Json(), new Option<int>("--limit") { Description = "The most lines.", DefaultValueFactory = _ => 50 });
        url.Recursive = true;
        json.Recursive = true;
        command.Add(url);
        command.Add(json);
        var state = new Option<string?>("--state") { Description = "Only in this state." };
        state.AcceptOnlyFromAmong([.. Storage.JobStates.Texts]);
        var list = new Command("list", "List jobs, newest first.") { state, limit };
        list.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            var query = result.GetValue(state) is { } only ? $"jobs?state={only}" : "jobs";
            await foreach (var job in worker.ListAsync(query, 1000, result.GetValue(limit), cancellationToken))
            {
                JobWatch.Write(job, result.GetValue(json));
            }

            return ExitCodes.Done;
        });
        command.Add(list);
        command.Add(One("show", "Show a job.", async (worker, id, isJson, cancellationToken) =>
        {
            JobWatch.Write(await worker.GetAsync($"jobs/{id}", cancellationToken), isJson);
            return ExitCodes.Done;
        }));
        command.Add(One("watch", "Follow a job to its end.", JobWatch.FollowAsync));
        command.Add(One("cancel", "Cancel a job.", async (worker, id, isJson, cancellationToken) =>
        {
            JobWatch.Write(await worker.PostAsync($"jobs/{id}/cancel", null, cancellationToken), isJson);
            return ExitCodes.Done;
        }));
        return command;

        Command One(string name, string description, Func<WorkerClient, string, bool, CancellationToken, Task<int>> action)
        {
            var id = new Argument<string>("id") { Description = "The job." };
            var one = new Command(name, description) { id };
            one.SetAction(async (result, cancellationToken) =>
            {
                using var worker = new WorkerClient(result.GetValue(url)!);
                return await action(worker, Uri.EscapeDataString(result.GetValue(id)!), result.GetValue(json), cancellationToken);
            });
            return one;
        }
    }

    private static Command Job(
        Command command, string kind, Func<ParseResult, object> arguments, Func<ParseResult, bool, CancellationToken, int?>? instead = null)
    {
        var (url, json, rate, detach) = (SharedOptions.Url(), SharedOptions.Json(), SharedOptions.Rate(), SharedOptions.Detach());
        command.Add(url);
        command.Add(json);
        command.Add(rate);
        command.Add(detach);
        command.SetAction(async (result, cancellationToken) =>
        {
            if (instead?.Invoke(result, result.GetValue(json), cancellationToken) is { } code)
            {
                return code;
            }

            using var worker = new WorkerClient(result.GetValue(url)!);
            return await JobWatch.RunAsync(
                worker, kind, arguments(result), result.GetValue(rate), result.GetValue(detach), result.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static JsonElement? ParseJson(string? text)
    {
        try
        {
            return text is null ? null : JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            throw new CommandException(ExitCodes.Usage, "--metadata is not JSON.");
        }
    }
}
