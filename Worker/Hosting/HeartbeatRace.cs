using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>
/// RabbitMQ.Client 7.1 notices a missed heartbeat on a timer that nobody can catch an exception of. Where the connection is
/// being closed at the same moment it closes a channel (of System.Threading.Channels) twice, and that ends the process,
/// although the connection is as closed as it should be.
/// </summary>
internal static class HeartbeatRace
{
    /// <summary>Has this process survive it. A process has one such handler, so it is the program's to set, not the client's.</summary>
    public static void Survive() => ExceptionHandling.SetUnhandledExceptionHandler(IsIt);

    /// <summary>Whether an exception that nobody caught is that one.</summary>
    /// <param name="exception">The exception.</param>
    public static bool IsIt(Exception exception) =>
        exception is ChannelClosedException && exception.StackTrace?.Contains("HeartbeatReadTimerCallback", StringComparison.Ordinal) == true;
}
