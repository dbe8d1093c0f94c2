using System.Threading.Channels;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Wakes this worker's runner when a job was added here.</summary>
internal sealed class JobSignal
{
    private readonly Channel<bool> _added = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>A job was added.</summary>
    public void Set() => _added.Writer.TryWrite(true);

    /// <summary>Completes when one was.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task WaitAsync(CancellationToken cancellationToken) => _added.Reader.ReadAsync(cancellationToken).AsTask();
}
