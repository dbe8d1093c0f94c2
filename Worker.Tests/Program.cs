using System.Globalization;
using AsyncCheckpoints.Tests.Dashboard;
using AsyncCheckpoints.Tests.Faults;
using AsyncCheckpoints.Tests.Faults.Failpoints;

namespace AsyncCheckpoints.Tests;

/// <summary>Run by the test host this assembly is tests; run by itself it is what the fault tests need as a process, or makes pictures.</summary>
internal static class Program
{
    public const string FileName = "AsyncCheckpoints.Worker.Tests.dll";

    public static Task<int> Main(string[] arguments) => arguments switch
    {
        ["application", var ledger, var seed, var name] => FaultApplication.RunAsync(ledger, int.Parse(seed, CultureInfo.InvariantCulture), name),
        ["chaos", var seed, var minutes] => Chaos.RunAsync(
            int.Parse(seed, CultureInfo.InvariantCulture), TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture))),
        ["upgrade", var older] => RollingUpgrade.RunAsync(older),
        ["worker", var step, var occurrence] => FailpointWorker.RunAsync(Enum.Parse<WorkerStep>(step), int.Parse(occurrence, CultureInfo.InvariantCulture)),
        ["screenshots", var folder, var seconds] => Screenshots.RunAsync(folder, TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture))),
        _ => Task.FromResult(2),
    };
}
