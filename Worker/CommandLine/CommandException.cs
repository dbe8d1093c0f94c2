namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>A command cannot do what it was asked for.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
