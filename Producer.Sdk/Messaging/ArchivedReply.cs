using AsyncCheckpoints.Contracts;
using MassTransit;

namespace AsyncCheckpoints.Messaging;

/// <summary>The worker's answer to one message of commands, whichever of its deliveries it answers.</summary>
internal sealed class ArchivedReply : IDisposable
{
    private readonly TaskCompletionSource<CommandsArchived> _archived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConnectHandle _handle;

    public ArchivedReply(IRequestPipeConnector bus) => _handle = bus.ConnectRequestPipe(
        RequestId, Pipe.Execute<ConsumeContext<CommandsArchived>>(context => _archived.TrySetResult(context.Message)));

    /// <summary>What question and answer have in common.</summary>
    public Guid RequestId { get; } = Guid.CreateVersion7();

    /// <summary>Waits for the answer.</summary>
    /// <param name="timeout">How long.</param>
    /// <param name="time">Measures it.</param>
    /// <returns>The answer; null when there was none in time.</returns>
    public async Task<CommandsArchived?> WaitAsync(TimeSpan timeout, TimeProvider time)
    {
        try
        {
            return await _archived.Task.WaitAsync(timeout, time);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    public void Dispose() => _handle.Disconnect();
}
