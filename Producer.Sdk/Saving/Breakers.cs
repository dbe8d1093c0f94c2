using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// Circuit breakers in front of Redis and the broker: while one is away, calls to it fail at once instead of waiting for
/// a timeout each, and a single call now and then finds out whether it is back.
/// </summary>
internal static class Breakers
{
    private static readonly TimeSpan MinBreak = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxBreak = TimeSpan.FromSeconds(5);

    /// <summary>Creates one.</summary>
    /// <param name="name">What is behind it, for the log.</param>
    /// <param name="state">Shows its state.</param>
    /// <param name="logger">Takes changes of state.</param>
    public static ResiliencePipeline Create(string name, CircuitBreakerStateProvider? state, ILogger logger) =>
        new ResiliencePipelineBuilder()
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is CheckpointUnavailableException),
                MinimumThroughput = 2,
                FailureRatio = 0.5,
                SamplingDuration = MaxBreak,
                BreakDurationGenerator = static arguments => ValueTask.FromResult(
                    MinBreak + (Random.Shared.NextDouble() * (MaxBreak - MinBreak) * Math.Min(1, arguments.HalfOpenAttempts / 4.0))),
                StateProvider = state,
                OnOpened = arguments =>
                {
                    Log.CircuitOpened(logger, name, arguments.BreakDuration.TotalMilliseconds, arguments.Outcome.Exception);
                    return ValueTask.CompletedTask;
                },
                OnClosed = _ =>
                {
                    Log.CircuitClosed(logger, name);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
}
