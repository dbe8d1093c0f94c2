using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace AsyncCheckpoints.Benchmarks.Micro;

/// <summary>The in-process parts by BenchmarkDotNet: <c>make bench-micro</c>.</summary>
internal static class MicroBenchmarks
{
    /// <summary>Runs them.</summary>
    /// <param name="arguments">BenchmarkDotNet's command line.</param>
    public static void Run(string[] arguments) => BenchmarkSwitcher
        .FromTypes([typeof(CodecBenchmarks), typeof(BatchBenchmarks), typeof(TrySaveBenchmarks)])
        .Run(arguments, DefaultConfig.Instance
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddDiagnoser(MemoryDiagnoser.Default));
}
