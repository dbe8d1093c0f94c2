using System.Runtime.InteropServices;
using AsyncCheckpoints.Benchmarks;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Benchmarks.Micro;
using AsyncCheckpoints.Benchmarks.Ours;
using AsyncCheckpoints.Benchmarks.Reporting;
using AsyncCheckpoints.Tests.Servers;

try
{
    if (args is [SdkMemory.Verb, ..])
    {
        await SdkMemory.RunChildAsync(args);
        return 0;
    }

    if (args is ["micro", .. var micro])
    {
        MicroBenchmarks.Run(micro);
        return 0;
    }

    // The hosts of clients would take the signals for themselves. The guard removes the servers, the kernel the workers.
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Environment.Exit(130));
    using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Environment.Exit(143));
    BenchArguments arguments;
    try
    {
        arguments = BenchArguments.Parse(args);
    }
    catch (ArgumentException e)
    {
        await Console.Error.WriteLineAsync(e.Message);
        return 2;
    }

    await using var servers = await ServerSet.StartAsync(ServerKind.All, BenchSettings.Servers);
    var lab = new Lab(servers, arguments.IsQuick);
    await BenchSettings.PrepareAsync(lab);
    var report = new Report(await BenchSettings.ReadAsync(lab));
    report.AddEarlier(await ReportFiles.ReadAsync(arguments));
    Console.WriteLine(ConsoleTable.Settings(report));
    foreach (var measure in arguments.Selected)
    {
        var outcome = await measure.RunAsync(lab);
        report.Add(outcome);
        report.Memory = ServerMemory.Read(lab);
        Console.WriteLine(ConsoleTable.Of(outcome));
        await ReportFiles.WriteAsync(report, arguments);
    }

    Console.WriteLine(ConsoleTable.Targets(report));
    Console.WriteLine(ConsoleTable.Memory(report));
    if (arguments.IsProfile)
    {
        Console.WriteLine(await Statements.ReadAsync(lab));
    }

    return 0;
}
catch (Exception e)
{
    // Caught, so that the servers are gone before the process is.
    await Console.Error.WriteLineAsync(e.ToString());
    return 1;
}
