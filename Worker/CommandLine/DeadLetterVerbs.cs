using System.CommandLine;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>The verb for dead letters.</summary>
internal static class DeadLetterVerbs
{
    public static Command DeadLetters()
    {
        var command = new Command("dead-letters", "List, show, retry and discard what could not be archived.");
        var (url, json) = (SharedOptions.Url(), SharedOptions.Json());
        url.Recursive = true;
        json.Recursive = true;
        command.Add(url);
        command.Add(json);
        var limit = new Option<int>("--limit") { Description = "The most lines.", DefaultValueFactory = _ => 50 };
        var list = new Command("list", "List dead letters, newest first.") { limit };
        list.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            await foreach (var letter in worker.ListAsync("dead-letters", 500, result.GetValue(limit), cancellationToken))
            {
                Terminal.Write(letter, result.GetValue(json), "id", "createdAt", "executionId", "bodyBytes", "reason");
            }

            return ExitCodes.Done;
        });
        var shown = new Argument<long>("id") { Description = "The letter." };
        var show = new Command("show", "Show a dead letter, with its body in base64.") { shown };
        show.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            Terminal.WriteJson(await worker.GetAsync($"dead-letters/{result.GetValue(shown)}", cancellationToken));
            return ExitCodes.Done;
        });
        command.Add(list);
        command.Add(show);
        command.Add(Many("retry", "Try dead letters again.", "dead-letter-retry"));
        command.Add(Many("discard", "Remove dead letters for good.", "dead-letter-discard"));
        return command;

        Command Many(string name, string description, string kind)
        {
            var ids = new Argument<long[]>("ids") { Description = "The letters.", Arity = ArgumentArity.ZeroOrMore };
            var all = new Option<bool>("--all") { Description = "All of them." };
            var reason = new Option<string?>("--reason") { Description = "Those whose reason has this in it." };
            var execution = SharedOptions.Execution();
            var many = new Command(name, description) { ids, all, reason, execution, SharedOptions.Rate() };
            many.SetAction(async (result, cancellationToken) =>
            {
                using var worker = new WorkerClient(result.GetValue(url)!);
                var chosen = result.GetValue(ids) is { Length: > 0 } some ? some : null;
                var arguments = new { ids = chosen, all = result.GetValue(all), reason = result.GetValue(reason), execution = result.GetValue(execution) };
                return await JobWatch.RunAsync(worker, kind, arguments, result.GetValue<int?>("--rate"), false, result.GetValue(json), cancellationToken);
            });
            return many;
        }
    }
}
