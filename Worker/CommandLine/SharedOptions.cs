using System.CommandLine;
using System.CommandLine.Parsing;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Options that several verbs have.</summary>
internal static class SharedOptions
{
    private const string UrlVariable = "CHECKPOINTS_URL";
    private const string DefaultUrl = "http://127.0.0.1:8470";

    public static Option<Uri> Url() => new("--url")
    {
        Description = $"The worker's address; {UrlVariable} in the environment, else {DefaultUrl}.",
        DefaultValueFactory = result => Parse(Environment.GetEnvironmentVariable(UrlVariable) is { Length: > 0 } url ? url : DefaultUrl, result),
        CustomParser = result => Parse(result.Tokens[^1].Value, result),
    };

    public static Option<bool> Json() => new("--json") { Description = "JSON, one object a line, for other programs." };

    public static Option<string> Namespace() => new("--namespace", "-n") { Description = "The namespace.", DefaultValueFactory = _ => "" };

    public static Option<string?> Execution() => new("--execution") { Description = "Only this execution." };

    public static Option<string?> Prefix() => new("--prefix") { Description = "Only executions that start with this." };

    public static Option<int?> Rate() => new("--rate") { Description = "The most items a second." };

    public static Option<bool> Detach() => new("--detach") { Description = "Start the job and do not wait for it." };

    private static Uri Parse(string text, ArgumentResult result)
    {
        // With a slash at its end, so that what follows is below it.
        if (Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
        {
            return uri;
        }

        result.AddError($"'{text}' is not an address such as {DefaultUrl}.");
        return null!;
    }
}
