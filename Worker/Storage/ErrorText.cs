namespace AsyncCheckpoints.Worker.Storage;

/// <summary>What of a failure is told to whoever asks. The log has all of it.</summary>
internal static class ErrorText
{
    /// <summary>The message. What a driver says may name addresses and users: of it goes out what kind of failure it is.</summary>
    /// <param name="exception">The failure.</param>
    public static string WithoutCause(Exception exception) => exception.InnerException is { Message.Length: > 0 } cause
        ? exception.Message.Replace(cause.Message, cause.GetType().Name, StringComparison.Ordinal)
        : exception.Message;
}
