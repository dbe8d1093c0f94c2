using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Spooling;

/// <summary>What a client without spool has.</summary>
internal sealed class NoSpool : ICommandSpool
{
    public bool IsEnabled => false;

    public bool IsEmpty => true;

    public long? Bytes => 0;

    public Task WaitForMoreAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);

    public Task<bool> TryAppendAsync(CheckpointCommands message) => Task.FromResult(false);

    public Task<IReadOnlyList<SpooledMessage>> PeekAsync(int maxMessages) => Task.FromResult<IReadOnlyList<SpooledMessage>>([]);

    public Task RemoveAsync(IReadOnlyList<SpooledMessage> messages) => Task.CompletedTask;
}
