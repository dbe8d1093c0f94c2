using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>The one place that says what a fault of Redis means.</summary>
internal static class RedisErrors
{
    // https://github.com/redis/redis/blob/7.0/src/server.c (createSharedObjects) and cluster.c
    private static readonly string[] Passing =
    [
        "LOADING", "READONLY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY", "MOVED", "ASK",
        "NOSCRIPT", "NOAUTH", "NOPERM", "WRONGPASS", "ERR Script killed",
    ];

    /// <summary>The exception to throw instead; null when it is none of Redis's.</summary>
    /// <param name="exception">What the client threw.</param>
    /// <param name="cancellationToken">The call's: when it is not set, a cancellation is the client's, whose connection ended.</param>
    public static CheckpointException? Translate(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        RedisServerException e => Answered(e.Message, e),
        TimeoutException or RedisConnectionException or RedisCommandException => Unreachable(exception),
        OperationCanceledException when !cancellationToken.IsCancellationRequested => Unreachable(exception),
        _ => null,
    };

    /// <summary>The exception for an error that Redis answered.</summary>
    /// <param name="message">Its text.</param>
    /// <param name="exception">What the client threw, if it did.</param>
    public static CheckpointException Answered(string message, Exception? exception = null) => IsUnexpectedValue(message)
        ? new CheckpointFormatException($"Redis holds something unexpected: {message}", exception)
        : new CheckpointUnavailableException(
            $"Redis refused the call: {message}", "Check its memory, disk, role and access rights.", exception)
        { IsRefusal = true };

    /// <summary>Whether Redis does not know the script (restarted or flushed).</summary>
    /// <param name="exception">What Redis answered.</param>
    public static bool IsUnknownScript(RedisServerException exception) => exception.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal);

    /// <summary>Whether a call was refused, by Redis or something before it, or by the client library that knows what Redis would say.</summary>
    /// <param name="exception">What <see cref="Translate"/> made of it.</param>
    public static bool IsRefused(CheckpointUnavailableException exception) => exception.IsRefusal || exception.InnerException is RedisCommandException;

    private static CheckpointUnavailableException Unreachable(Exception e) =>
        new($"Redis did not answer: {e.Message}", "Check that it runs and can be reached.", e);

    // Only a wrong type or a script that fell over a value; whatever else Redis may say, a later try may succeed. Redis 6
    // wraps what a command inside a script answered: "ERR Error running script …: -OOM command not allowed".
    private static bool IsUnexpectedValue(string message) =>
        message.Contains("WRONGTYPE", StringComparison.Ordinal)
        || (message.Contains("user_script", StringComparison.Ordinal) && !Array.Exists(
            Passing, code => message.StartsWith(code, StringComparison.Ordinal) || message.Contains($"-{code} ", StringComparison.Ordinal)));
}
