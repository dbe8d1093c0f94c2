using System.Runtime.InteropServices;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>Ends its own process by SIGKILL when it has come to a step so many times. Thread-safe.</summary>
internal sealed class Failpoint(WorkerStep step, int occurrence)
{
    private const int SigKill = 9;
    private int _reached;

    public void Reached(WorkerStep reached)
    {
        if (reached == step && Interlocked.Increment(ref _reached) == occurrence)
        {
            Console.Out.WriteLine(LineOf(step));
            _ = NativeKill(Environment.ProcessId, SigKill);
        }
    }

    /// <summary>The last line that the process writes.</summary>
    public static string LineOf(WorkerStep step) => $"Dies at step {step}";

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
