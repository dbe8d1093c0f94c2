using System.CommandLine;
using System.CommandLine.Help;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>
/// The program's verbs. Without one, or with nothing but settings ("--urls=…", "--Worker:DataPath=…"), it serves, so that
/// <c>dotnet run --project Worker</c> is the worker.
/// </summary>
internal static class CheckpointsCommand
{
    /// <summary>Of the command, as it is installed.</summary>
    private const string Name = "checkpoints";

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="serve">Runs the worker with settings; returns its exit code.</param>
    /// <returns>The exit code: <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, Func<string[], Task<int>> serve)
    {
        try
        {
            return await ParseAndRunAsync(args, serve);
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Cancelled.");
            return ExitCodes.Cancelled;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync(Terminal.MessageOf(e));
            return e is CommandException command ? command.ExitCode : e is HttpRequestException ? ExitCodes.Unreachable : ExitCodes.Failed;
        }
    }

    private static async Task<int> ParseAndRunAsync(string[] args, Func<string[], Task<int>> serve)
    {
        var root = Create(serve);
        if (args.Length > 0 && IsSetting(args[0]))
        {
            var verb = args.Where((arg, i) => i > 0 && !IsSettingWithoutValue(args[i - 1]) && root.Subcommands.Any(command => command.Name == arg)).FirstOrDefault();
            return verb is null
                ? await serve(SettingArguments.Require(args))
                : throw new CommandException(ExitCodes.Usage, $"Options and settings follow the verb: '{verb} {args[0]} …'. Try --help.");
        }

        if (args.Length == 0 || (args[0] == "serve" && !args[1..].Any(IsHelp)))
        {
            // Not through the parser: the host has its own way with signals, and more patience.
            return await serve(SettingArguments.Require(args is ["serve", ..] ? args[1..] : args));
        }

        var result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            foreach (var error in result.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync("Try --help.");
            return ExitCodes.Usage;
        }

        // A second Ctrl-C, or these seconds, end what does not listen to the first. To cancel a job takes up to five of them.
        // What is written here is help, versions and completions, with the name of the assembly.
        using var output = new StringWriter();
        var code = await result.InvokeAsync(
            new InvocationConfiguration { Output = output, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(6) });
        await Console.Out.WriteAsync(output.ToString().Replace(root.Name, Name, StringComparison.Ordinal));
        return code;
    }

    /// <summary>All verbs.</summary>
    /// <param name="serve">Runs the worker with settings; returns its exit code.</param>
    public static RootCommand Create(Func<string[], Task<int>> serve)
    {
        var root = new RootCommand("Durable checkpoints: the worker, and what it takes to operate it. Without a verb it serves.");
        var serving = new Command("serve", "Run the worker. What follows are settings, such as --urls=http://127.0.0.1:8470.") { TreatUnmatchedTokensAsErrors = false };
        serving.SetAction((result, _) => serve(SettingArguments.Require([.. result.UnmatchedTokens])));
        root.Add(serving);
        root.Add(CheckpointVerbs.Get());
        root.Add(CheckpointVerbs.Latest());
        root.Add(CheckpointVerbs.List());
        root.Add(CheckpointVerbs.Diff());
        root.Add(TransferVerbs.Export());
        root.Add(TransferVerbs.Import());
        root.Add(JobVerbs.Replay());
        root.Add(JobVerbs.Backfill());
        root.Add(JobVerbs.Verify());
        root.Add(JobVerbs.Retention());
        root.Add(JobVerbs.Erase());
        root.Add(JobVerbs.Jobs());
        root.Add(DeadLetterVerbs.DeadLetters());
        root.Add(ApiKeyVerbs.ApiKey());
        root.Add(MaintenanceVerbs.Migrate());
        root.Add(MaintenanceVerbs.Doctor());
        foreach (var help in root.Options.OfType<HelpOption>())
        {
            // Where options begin with a dash, these may be ids, or paths.
            help.Aliases.Remove("/h");
            help.Aliases.Remove("/?");
        }

        return root;
    }

    private static bool IsSetting(string argument) => argument.StartsWith('-') && argument != "--version" && !IsHelp(argument);

    // "--Worker:DataPath list" has a value; in "--json list" and "--url http://worker:8470 list" a verb follows.
    private static bool IsSettingWithoutValue(string argument) =>
        argument.StartsWith('-') && argument.Contains(':', StringComparison.Ordinal) && !argument.Contains('=', StringComparison.Ordinal);

    private static bool IsHelp(string argument) => argument is "-h" or "-?" or "--help";
}
