using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// Notices that this worker takes nothing from the command queue although messages wait: its consumer is lost in a way
/// that only a restart of the process mends. Thread-safe.
/// </summary>
internal sealed class ConsumptionWatch(IOptions<WorkerOptions> options, TimeProvider time, ILogger<ConsumptionWatch> logger)
{
    private readonly Lock _lock = new();
    private int _inHand;
    private long _taken;
    private long _takenBefore;
    private long? _idleSince;
    private bool _isStalled;
    private bool _isLost;
    private long? _waiting;
    private int _unknown;
    private bool _hasGivenUp;

    /// <summary>Messages waited for longer than <see cref="WorkerOptions.StallAfter"/>, and none came here.</summary>
    public bool IsStalled
    {
        get
        {
            lock (_lock)
            {
                return _isStalled;
            }
        }
    }

    /// <summary>It has been stalled for as long again, and nobody restarted the process.</summary>
    public bool IsLost
    {
        get
        {
            lock (_lock)
            {
                return _isLost;
            }
        }
    }

    /// <summary>The process was told to end for that.</summary>
    public bool HasGivenUp
    {
        get
        {
            lock (_lock)
            {
                return _hasGivenUp;
            }
        }
    }

    /// <summary>How many messages waited in the queue at the last look; null: not known.</summary>
    public long? Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting;
            }
        }
    }

    /// <summary>The process ends because of <see cref="IsLost"/>, whatever is seen from now on.</summary>
    public void GiveUp()
    {
        lock (_lock)
        {
            _hasGivenUp = true;
        }
    }

    /// <summary>A message is here.</summary>
    public void Began()
    {
        lock (_lock)
        {
            _taken++;
            _inHand++;
        }
    }

    /// <summary>It has been consumed, or given back.</summary>
    public void Ended()
    {
        lock (_lock)
        {
            _inHand--;
        }
    }

    /// <summary>A look at the queue.</summary>
    /// <param name="waiting">The messages that no worker has in hand; null: not known.</param>
    /// <param name="isOpen">Whether this worker means to consume.</param>
    public void Saw(long? waiting, bool isOpen)
    {
        lock (_lock)
        {
            var isIdle = isOpen && _inHand == 0 && _taken == _takenBefore;
            if (waiting is null && isIdle && ++_unknown < 2)
            {
                return; // One look that failed says nothing.
            }

            _unknown = waiting is null ? _unknown : 0;
            _waiting = waiting;
            if (waiting is not > 0 || !isIdle)
            {
                (_takenBefore, _idleSince, _isStalled, _isLost) = (_taken, null, false, false);
                return;
            }

            _idleSince ??= time.GetTimestamp();
            var idle = time.GetElapsedTime(_idleSince.Value);
            if (!_isStalled && idle >= options.Value.StallAfter)
            {
                _isStalled = true;
                Log.Stalled(logger, waiting.Value, idle.TotalMilliseconds);
            }

            _isLost = idle >= 2 * options.Value.StallAfter;
        }
    }
}
