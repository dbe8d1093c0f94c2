using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Verbs that read checkpoints: get, latest, list, diff.</summary>
internal static class CheckpointVerbs
{
    private static readonly string[] Fields = ["id", "namespace", "parentId", "sequence", "node", "version", "contentType", "createdAt", "metadata"];

    public static Command Get()
    {
        var (execution, id) = (ExecutionArgument(), new Argument<string>("id") { Description = "The checkpoint." });
        var (url, ns, json, output) = (SharedOptions.Url(), SharedOptions.Namespace(), SharedOptions.Json(), OutputOption());
        var command = new Command("get", "Write a checkpoint's state, or all of it with --json.") { execution, id, url, ns, json, output };
        command.SetAction((result, cancellationToken) => WriteAsync(
            result.GetValue(url)!, WorkerClient.PathOf(result.GetValue(execution)!, result.GetValue(id)!, result.GetValue(ns)!),
            result.GetValue(json), result.GetValue(output), cancellationToken));
        return command;
    }

    public static Command Latest()
    {
        var (execution, url, ns, json, output) = (ExecutionArgument(), SharedOptions.Url(), SharedOptions.Namespace(), SharedOptions.Json(), OutputOption());
        var command = new Command("latest", "Write the state of an execution's latest checkpoint, or all of it with --json.") { execution, url, ns, json, output };
        command.SetAction((result, cancellationToken) => WriteAsync(
            result.GetValue(url)!, $"{WorkerClient.PathOf(result.GetValue(execution)!)}/latest?namespace={Uri.EscapeDataString(result.GetValue(ns)!)}",
            result.GetValue(json), result.GetValue(output), cancellationToken));
        return command;
    }

    public static Command List()
    {
        var execution = new Argument<string?>("execution") { Description = "The execution; without one, executions are listed.", Arity = ArgumentArity.ZeroOrOne };
        execution.Validators.Add(result =>
        {
            // The parser would take a mistyped option for it.
            if (result.Tokens is [var token] && token.Value.StartsWith("--", StringComparison.Ordinal))
            {
                result.AddError($"There is no option '{token.Value}'.");
            }
        });
        var (url, json, prefix) = (SharedOptions.Url(), SharedOptions.Json(), SharedOptions.Prefix());
        var contains = new Option<string?>("--contains") { Description = "Only executions with this in their id." };
        var ns = new Option<string?>("--namespace", "-n") { Description = "Only this namespace; all of them without." };
        var node = new Option<string?>("--node") { Description = "Only this step." };
        var metadata = new Option<string?>("--metadata") { Description = "Only with these members: a JSON object." };
        var limit = new Option<int>("--limit") { Description = "The most lines.", DefaultValueFactory = _ => 100 };
        var oldest = new Option<bool>("--oldest-first") { Description = "Oldest first." };
        var command = new Command("list", "List an execution's checkpoints, newest first, or executions.") { execution, url, json, prefix, contains, ns, node, metadata, limit, oldest };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            var (most, isJson) = (result.GetValue(limit), result.GetValue(json));
            if (result.GetValue(execution) is not { } one)
            {
                var ids = $"executions?prefix={Uri.EscapeDataString(result.GetValue(prefix) ?? "")}&contains={Uri.EscapeDataString(result.GetValue(contains) ?? "")}";
                await foreach (var item in worker.ListAsync(ids, 1000, most, cancellationToken))
                {
                    if (isJson)
                    {
                        Terminal.WriteJson(new { executionId = item.GetString() });
                    }
                    else
                    {
                        Terminal.WriteColumns(item.GetString());
                    }
                }

                return ExitCodes.Done;
            }

            var query = $"{WorkerClient.PathOf(one)}/checkpoints?order={(result.GetValue(oldest) ? "oldest" : "newest")}"
                + (result.GetValue(ns) is { } given ? $"&namespace={Uri.EscapeDataString(given)}" : "&allNamespaces=true")
                + (result.GetValue(node) is { } step ? $"&node={Uri.EscapeDataString(step)}" : "")
                + (result.GetValue(metadata) is { } filter ? $"&metadata={Uri.EscapeDataString(filter)}" : "");
            await foreach (var item in worker.ListAsync(query, 1000, most, cancellationToken))
            {
                Terminal.Write(item, isJson, "id", "namespace", "sequence", "node", "parentId", "createdAt");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Diff()
    {
        var (execution, first, second) = (ExecutionArgument(), new Argument<string>("first"), new Argument<string>("second"));
        first.Description = "A checkpoint.";
        second.Description = "Another one.";
        var (url, ns, json) = (SharedOptions.Url(), SharedOptions.Namespace(), SharedOptions.Json());
        var command = new Command("diff", "Compare two checkpoints, their states member by member where they are JSON. Exit code 4 when they differ.")
        {
            execution, first, second, url, ns, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            var differences = new List<JsonDifference>();
            var sides = new JsonElement[2];
            foreach (var (i, id) in new[] { result.GetValue(first)!, result.GetValue(second)! }.Index())
            {
                sides[i] = await worker.GetAsync($"{WorkerClient.PathOf(result.GetValue(execution)!, id, result.GetValue(ns)!)}&format=json", cancellationToken);
            }

            foreach (var field in Fields.Where(field => field is not ("id" or "sequence" or "createdAt" or "parentId")))
            {
                JsonDifference.Compare(field, sides[0].GetProperty(field), sides[1].GetProperty(field), differences);
            }

            JsonDifference.CompareStates(sides[0].GetProperty("state").GetBytesFromBase64(), sides[1].GetProperty("state").GetBytesFromBase64(), differences);
            foreach (var difference in differences)
            {
                if (result.GetValue(json))
                {
                    Terminal.WriteJson(difference);
                }
                else
                {
                    Terminal.WriteColumns(difference.Path, difference.First ?? "-", difference.Second ?? "-");
                }
            }

            return differences.Count == 0 ? ExitCodes.Done : ExitCodes.Findings;
        });
        return command;
    }

    private static Argument<string> ExecutionArgument() => new("execution") { Description = "The execution." };

    private static Option<FileInfo?> OutputOption() => new("--output", "-o") { Description = "Write to this file instead of the standard output." };

    private static async Task<int> WriteAsync(Uri url, string path, bool json, FileInfo? output, CancellationToken cancellationToken)
    {
        using var worker = new WorkerClient(url);
        if (json)
        {
            var text = (await worker.GetAsync($"{path}&format=json", cancellationToken)).GetRawText();
            await OutputFile.WriteAsync(output, target => target.WriteAsync(Encoding.UTF8.GetBytes(text + Environment.NewLine), cancellationToken).AsTask());
        }
        else
        {
            using var answer = await worker.SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
            await OutputFile.WriteAsync(output, target => answer.Content.CopyToAsync(target, cancellationToken));
        }

        return ExitCodes.Done;
    }
}
