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

    var arguments = BenchArguments.Parse(args);
    await using var servers = await ServerSet.StartAsync(ServerKind.All, BenchSettings.Servers);
    var lab = new Lab(servers, arguments.IsQuick);
    var report = new Report(await BenchSettings.ReadAsync(lab));
    Console.WriteLine(ConsoleTable.Settings(report));
    foreach (var measure in arguments.Selected)
    {
        var outcome = await measure.RunAsync(lab);
        report.Add(outcome);
        Console.WriteLine(ConsoleTable.Of(outcome));
        await ReportFiles.WriteAsync(report, arguments);
    }

    Console.WriteLine(ConsoleTable.Targets(report));
    return 0;
}
catch (Exception e)
{
    // Caught, so that the servers are gone before the process is.
    await Console.Error.WriteLineAsync(e.ToString());
    return 1;
}
