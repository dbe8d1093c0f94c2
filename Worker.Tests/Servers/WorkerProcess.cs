using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>
/// The worker as a process of its own, to be killed and stopped. It sees only the connection strings that the test gives,
/// and does not outlive the test process.
/// </summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    public const string FileName = "AsyncCheckpoints.Worker.dll";

    /// <summary>The exit code of a process that was killed.</summary>
    public const int Killed = 128 + SigKill;

    private const int SigKill = 9;
    private const int SigTerm = 15;

    // Linux, on every processor .NET runs on.
    private const int SigCont = 18;
    private const int SigStop = 19;

    private readonly Process _process;
    private readonly string? _ownDirectory;
    private readonly LineBuffer _lines = new();
    private Task _completed = Task.CompletedTask;
    private bool _isDisposed;

    private WorkerProcess(Process process, string? ownDirectory)
    {
        _process = process;
        _ownDirectory = ownDirectory;
        process.OutputDataReceived += (_, e) => _lines.Add(e.Data);
        process.ErrorDataReceived += (_, e) => _lines.Add(e.Data);
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The last lines of both outputs, oldest first.</summary>
    public IReadOnlyList<string> Lines => _lines.Snapshot();

    /// <summary>Starts it; it may not be ready yet.</summary>
    /// <param name="environment">Beyond the test's own, whose connection strings it does not inherit; null removes.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="directory">Its working folder; without one, an empty folder that goes with it.</param>
    /// <param name="program">Another program beside the tests, or anywhere by its full path.</param>
    public static async Task<WorkerProcess> StartAsync(
        IReadOnlyDictionary<string, string?>? environment = null,
        IEnumerable<string>? arguments = null,
        string? directory = null,
        string program = FileName)
    {
        var own = directory is null ? Directory.CreateTempSubdirectory("asynccheckpoints-worker-").FullName : null;
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        var library = Path.Combine(AppContext.BaseDirectory, program);
        string[] command = [.. ParentDeath.Wrapper, host, library, .. arguments ?? []];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = directory ?? own,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(Inherited).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var worker = new WorkerProcess(process, own);
        try
        {
            await ParentDeath.RunAsync(process.Start);
        }
        catch
        {
            process.Dispose();
            DeleteOwn(own);
            throw;
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        worker._completed = worker.CompleteAsync();
        return worker;
    }

    /// <summary>The first line, already written or still to come, that the predicate accepts.</summary>
    /// <exception cref="TimeoutException">No such line in time.</exception>
    /// <exception cref="InvalidOperationException">The process ended without one.</exception>
    public Task<string> WaitForLineAsync(Func<string, bool> predicate, TimeSpan timeout) => _lines.WaitAsync(predicate, timeout);

    /// <summary>SIGKILL.</summary>
    public void Kill() => Send(SigKill);

    /// <summary>SIGSTOP: it holds its connections and does nothing.</summary>
    public void Stop() => Send(SigStop);

    /// <summary>SIGCONT.</summary>
    public void Continue() => Send(SigCont);

    /// <summary>SIGTERM: it may finish what it does.</summary>
    public void Terminate() => Send(SigTerm);

    /// <summary>SIGTERM; fails unless it then ends as it should.</summary>
    public async Task EndAsync(TimeSpan patience)
    {
        Terminate();
        if (await WaitForExitAsync(patience) is not 0 and var code)
        {
            throw new InvalidOperationException($"Process {Id} ended with {code}:\n{string.Join('\n', Lines.TakeLast(30))}");
        }
    }

    /// <summary>Waits for the end and gives the exit code; 128 + n after signal n.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        using var source = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(source.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The worker has not ended within {timeout}. It wrote:\n{_lines}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        Kill();
        await _completed;
        _process.Dispose();
        DeleteOwn(_ownDirectory);
    }

    // Also waits for the end of both outputs.
    private async Task CompleteAsync()
    {
        await _process.WaitForExitAsync();
        _lines.Complete();
    }

    private void Send(int signal)
    {
        // .NET collects its children by itself: the number is ours only until then.
        if (!_process.HasExited)
        {
            _ = NativeKill(_process.Id, signal);
        }
    }

    private static bool Inherited(string name) =>
        name.StartsWith("ConnectionStrings", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASYNCCHECKPOINTS_", StringComparison.OrdinalIgnoreCase);

    private static void DeleteOwn(string? directory)
    {
        if (directory is not null)
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
