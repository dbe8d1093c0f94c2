using System.Text.RegularExpressions;
using AsyncCheckpoints;
using AsyncCheckpoints.Samples.Agent;

AgentOptions options;
try
{
    options = AgentOptions.Parse(args);
}
catch (FormatException e)
{
    Console.Error.WriteLine($"{e.Message}\n{AgentOptions.Usage}");
    return 2;
}

var text = await File.ReadAllTextAsync(options.TextPath);
var paragraphs = Regex.Split(text, @"\r?\n\s*\n").Select(p => p.Trim()).Where(p => p.Length > 0).ToList();
var state = options.IsPlain ? paragraphs.Aggregate(AgentState.Start, (s, p) => s.Read(p)) : await RunAsync();
Console.WriteLine($"Answer: {state.Answer}");
if (options.Expected is null)
{
    return 0;
}

var isRight = options.Expected == state.Answer;
Console.WriteLine(isRight ? "The answer is right." : $"The answer is WRONG; expected: {options.Expected}");
return isRight ? 0 : 1;

async Task<AgentState> RunAsync()
{
    await using var connection = await Connection.OpenAsync(options);
    await using var session = connection.Client.OpenSession(options.ExecutionId, new CheckpointSessionOptions { FenceWriters = true });
    var latest = await session.ResumeAsync();
    var current = latest?.ReadState(AgentJson.Default.AgentState) ?? AgentState.Start;
    Console.WriteLine(latest is null
        ? $"Started at the beginning of {paragraphs.Count} paragraphs."
        : $"Resumed after step {current.Paragraphs}/{paragraphs.Count}, at checkpoint {latest.Id}.");
    while (current.Paragraphs < paragraphs.Count)
    {
        await Task.Delay(options.StepDelay);
        current = current.Read(paragraphs[current.Paragraphs]);
        var step = await session.StepAsync("read", current, AgentJson.Default.AgentState);
        Console.WriteLine(
            $"step {current.Paragraphs}/{paragraphs.Count}: {current.Words} words, digest {current.Digest[..12]}…, {step.Save!.Reached} as {step.Save.Sequence}");
    }

    return current;
}
