using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>Asks a worker's /health/ready.</summary>
internal static class WorkerReadiness
{
    private const string Listening = "Now listening on: ";
    private static readonly HttpClient Http = new();

    /// <summary>Waits until the worker answers that it is ready.</summary>
    /// <param name="worker">The worker.</param>
    public static async Task WaitAsync(WorkerProcess worker)
    {
        var line = await worker.WaitForLineAsync(line => line.Contains(Listening, StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        var address = new Uri(new Uri(line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim()), "health/ready");
        await Load.UntilAsync(
            async () =>
            {
                using var answer = await Http.GetAsync(address);
                return answer.IsSuccessStatusCode;
            },
            "the worker is ready",
            TimeSpan.FromMilliseconds(20));
    }
}
