namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Exit codes, as docs/CLI.md lists them.</summary>
internal static class ExitCodes
{
    /// <summary>Done; nothing to object to.</summary>
    public const int Done = 0;

    /// <summary>It failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is not valid.</summary>
    public const int Usage = 2;

    /// <summary>There is no such checkpoint, job or letter.</summary>
    public const int NotFound = 3;

    /// <summary>Something differs or is not as it should be: diff, verify, doctor.</summary>
    public const int Findings = 4;

    /// <summary>The worker, or a server, cannot be reached.</summary>
    public const int Unreachable = 5;

    /// <summary>Cancelled with Ctrl-C or SIGTERM.</summary>
    public const int Cancelled = 130;
}
