using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>
/// Starts a job and follows it: a bar on a terminal, a line when it has got on in a pipe. Ctrl-C cancels the job, too.
/// </summary>
internal static class JobWatch
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodbyeTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Runs a job.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        WorkerClient worker, string kind, object arguments, int? rate, bool detach, bool json, CancellationToken cancellationToken)
    {
        // Cancelled in the middle of this, it might leave a job that nobody knows of.
        var job = await worker.PostAsync("jobs", new { kind, arguments, itemsPerSecond = rate }, CancellationToken.None);
        if (detach)
        {
            Write(job, json);
            return ExitCodes.Done;
        }

        return await FollowAsync(worker, job.GetProperty("id").GetString()!, json, cancellationToken);
    }

    /// <summary>Follows a job to its end.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> FollowAsync(WorkerClient worker, string id, bool json, CancellationToken cancellationToken)
    {
        JsonElement job;
        try
        {
            job = json || !Terminal.IsInteractive
                ? await PollAsync(worker, id, json ? null : WriteProgress, cancellationToken)
                : await WithBarAsync(worker, id, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await CancelAsync(worker, id);
            throw;
        }

        await foreach (var finding in worker.ListAsync($"jobs/{id}/findings", 1000, int.MaxValue, cancellationToken))
        {
            if (json)
            {
                Terminal.WriteJson(finding);
            }
            else
            {
                Terminal.WriteColumns(Terminal.Text(finding, "kind"), Terminal.Text(finding, "subject"), Terminal.Text(finding, "detail"));
            }
        }

        Write(job, json);
        return job.GetProperty("state").GetString() switch
        {
            "completed" => job.GetProperty("findings").GetInt64() > 0 ? ExitCodes.Findings : ExitCodes.Done,
            "cancelled" => ExitCodes.Cancelled,
            _ => ExitCodes.Failed,
        };
    }

    /// <summary>A job as a line.</summary>
    public static void Write(JsonElement job, bool json)
    {
        if (json)
        {
            Terminal.WriteJson(job);
            return;
        }

        var counts = string.Join(' ', job.GetProperty("counts").EnumerateObject().Select(count => $"{count.Name}={count.Value}"));
        Terminal.WriteColumns(
            Terminal.Text(job, "id"), Terminal.Text(job, "kind"), Terminal.Text(job, "state"), $"{Terminal.Text(job, "done")}/{Terminal.Text(job, "total")}",
            $"findings={Terminal.Text(job, "findings")}", counts.Length > 0 ? counts : "-", Terminal.Text(job, "error"));
    }

    private static async Task CancelAsync(WorkerClient worker, string id)
    {
        using var goodbye = new CancellationTokenSource(GoodbyeTimeout);
        try
        {
            await worker.PostAsync($"jobs/{id}/cancel", null, goodbye.Token);
        }
        catch (Exception e) when (e is CommandException or HttpRequestException or OperationCanceledException)
        {
            // Who may only read, for one. What the command ends with is that it was cancelled.
            await Console.Error.WriteLineAsync($"The job goes on, it could not be cancelled: {e.Message}");
        }
    }

    private static async Task<JsonElement> PollAsync(WorkerClient worker, string id, Action<JsonElement>? report, CancellationToken cancellationToken)
    {
        var last = -1L;
        var answered = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonElement job;
            try
            {
                job = await worker.GetAsync($"jobs/{id}", cancellationToken);
                answered = Stopwatch.GetTimestamp();
            }
            catch (Exception e) when (
                e is CommandException { ExitCode: ExitCodes.Unreachable } or HttpRequestException or IOException && Stopwatch.GetElapsedTime(answered) < Patience)
            {
                // A restart, or a moment without the archive: the job goes on.
                await Task.Delay(Interval, cancellationToken);
                continue;
            }

            if (job.GetProperty("finishedAt").ValueKind != JsonValueKind.Null)
            {
                return job;
            }

            var done = job.GetProperty("done").GetInt64();
            if (done != last)
            {
                report?.Invoke(job);
                last = done;
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }

    private static void WriteProgress(JsonElement job) => Console.Error.WriteLine(
        $"{Terminal.Text(job, "kind")} {Terminal.Text(job, "state")} {Terminal.Text(job, "done")}/{Terminal.Text(job, "total")} {Terminal.Text(job, "rate")}/s");

    private static Task<JsonElement> WithBarAsync(WorkerClient worker, string id, CancellationToken cancellationToken) =>
        Terminal.WithBarAsync("job", [new RemainingTimeColumn(), new SpinnerColumn()], bar => PollAsync(
            worker,
            id,
            job =>
            {
                bar.Description = string.Create(
                    CultureInfo.InvariantCulture, $"{job.GetProperty("kind").GetString()} {job.GetProperty("done").GetInt64()} ({job.GetProperty("rate").GetDouble():F0}/s)");
                if (job.GetProperty("total") is { ValueKind: JsonValueKind.Number } total)
                {
                    bar.IsIndeterminate = false;
                    bar.MaxValue = Math.Max(1, total.GetInt64());
                    bar.Value = Math.Min(job.GetProperty("done").GetInt64(), bar.MaxValue);
                }
            },
            cancellationToken));
}
