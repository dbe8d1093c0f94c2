using System.Globalization;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Tests.Faults;

/// <content>The workers, and which of them ended as they should not.</content>
internal sealed partial class FaultLab
{
    // Of a process that does not listen to signals yet.
    private const int EndedBySigTerm = 128 + 15;

    private readonly List<WorkerProcess> _workers = [];

    // Those whose end is the test's doing, or in _endings already.
    private readonly HashSet<WorkerProcess> _expected = [];
    private readonly List<string> _endings = [];

    /// <summary>Starts a worker process.</summary>
    /// <param name="wait">Whether to wait until it works.</param>
    /// <param name="program">Another build's.</param>
    public async Task<WorkerProcess> StartWorkerAsync(bool wait = true, string program = WorkerProcess.FileName)
    {
        var worker = await WorkerProcess.StartAsync(_settings, program: program);
        _workers.Add(worker);
        Timeline.Note($"worker {worker.Id} starts");
        if (wait)
        {
            await worker.WaitForLineAsync(IsReady, Patience);
        }

        return worker;
    }

    /// <summary>Starts a worker process that kills itself.</summary>
    /// <param name="step">At which step.</param>
    /// <param name="occurrence">When it comes to that step for the how-manieth time.</param>
    public async Task<WorkerProcess> StartWorkerAsync(WorkerStep step, int occurrence)
    {
        var worker = await WorkerProcess.StartAsync(
            _settings, ["worker", $"{step}", occurrence.ToString(CultureInfo.InvariantCulture)], program: Program.FileName);
        _workers.Add(worker);
        _expected.Add(worker);
        Timeline.Note($"worker {worker.Id} starts, to die at step {step} no. {occurrence}");
        return worker;
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync(WorkerProcess worker)
    {
        await NoteEndAsync(worker);
        _workers.Remove(worker);
        Timeline.Note($"worker {worker.Id} is killed");
        await worker.DisposeAsync();
    }

    /// <summary>SIGTERM, unless it has ended already. The audit tells of one that does not end in order.</summary>
    public async Task EndAsync(WorkerProcess worker, TimeSpan? patience = null)
    {
        await NoteEndAsync(worker);
        if (worker.HasExited)
        {
            return;
        }

        _expected.Add(worker);
        Timeline.Note($"worker {worker.Id} is terminated");
        worker.Terminate();
        var code = await worker.WaitForExitAsync(patience ?? Patience);
        Timeline.Note($"worker {worker.Id} ended with {code}");
        var isInOrder = code == 0 || (code == EndedBySigTerm && !worker.Lines.Any(IsReady));
        if (!isInOrder && !HasGivenUp(worker, code))
        {
            _endings.Add(Describe(worker, $"was told to end and did so with {code}"));
        }
    }

    /// <summary>Notes a worker that has ended although nobody told it to.</summary>
    private async Task NoteEndAsync(WorkerProcess worker)
    {
        if (!worker.HasExited || !_expected.Add(worker))
        {
            return;
        }

        var code = await worker.WaitForExitAsync(Patience);
        Timeline.Note($"worker {worker.Id} had ended by itself with {code}");
        if (!HasGivenUp(worker, code))
        {
            _endings.Add(Describe(worker, $"ended by itself with {code}"));
        }
    }

    private static bool IsReady(string line) => line.StartsWith("Listening on", StringComparison.Ordinal);

    /// <summary>The one end of its own that docs/GUARANTEES.md allows a worker: its consumer is lost, which only a new process mends.</summary>
    private static bool HasGivenUp(WorkerProcess worker, int code) =>
        code == 1 && worker.Lines.Any(line => line.Contains("[2704]", StringComparison.Ordinal));

    private static string Describe(WorkerProcess worker, string what) =>
        $"Worker {worker.Id} {what}:{string.Concat(worker.Lines.TakeLast(10).Select(line => $"\n    {line}"))}";
}
