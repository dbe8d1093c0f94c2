using System.Runtime.InteropServices;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>
/// Sees SQLite commit a transaction with a certain statement in it, on every connection of this process: by SQLite's own
/// hooks, because the worker does the whole transaction in one go. See https://sqlite.org/c3ref/commit_hook.html.
/// </summary>
internal static class SqliteCommitWatch
{
    private const string Library = "e_sqlite3";
    private const uint TraceStatement = 1;

    // Native code has them: they must not be collected.
    private static readonly Opened OnOpened = Watch;
    private static readonly Traced OnTraced = Trace;
    private static readonly Committing OnCommitting = Commit;
    private static string _statement = "";
    private static Action? _beforeCommit;

    // The connection that writes does so on one thread at a time, from the first statement to the commit.
    [ThreadStatic]
    private static bool _hasStatement;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Opened(nint connection, nint error, nint api);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Traced(uint kind, nint context, nint statement, nint text);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Committing(nint context);

    /// <summary>Watches the connections that are opened from now on.</summary>
    /// <param name="statement">What the statement starts with.</param>
    /// <param name="beforeCommit">Told of it.</param>
    public static void Start(string statement, Action beforeCommit)
    {
        (_statement, _beforeCommit) = (statement, beforeCommit);
        SQLitePCL.Batteries_V2.Init();
        if (sqlite3_auto_extension(OnOpened) != 0)
        {
            throw new InvalidOperationException("SQLite takes no extension.");
        }
    }

    private static int Watch(nint connection, nint error, nint api)
    {
        _ = sqlite3_commit_hook(connection, OnCommitting, 0);
        return sqlite3_trace_v2(connection, TraceStatement, OnTraced, 0);
    }

    private static int Trace(uint kind, nint context, nint statement, nint text)
    {
        _hasStatement |= Marshal.PtrToStringUTF8(text)!.TrimStart().StartsWith(_statement, StringComparison.Ordinal);
        return 0;
    }

    private static int Commit(nint context)
    {
        if (_hasStatement)
        {
            _hasStatement = false;
            _beforeCommit!();
        }

        return 0;
    }

    [DllImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int sqlite3_auto_extension(Opened opened);

    [DllImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint sqlite3_commit_hook(nint connection, Committing committing, nint context);

    [DllImport(Library)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int sqlite3_trace_v2(nint connection, uint mask, Traced traced, nint context);
}
