using AsyncCheckpoints.Caching;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// The cache's leg: initialises the cache when it can first be reached, and stops asking while it is away. An outage is a <see cref="CheckpointUnavailableException"/>.
/// </summary>
internal sealed class CacheLink(ICheckpointCache cache, SequenceClock clock, TimeProvider time, ILogger<CacheLink> logger) : IDisposable
{
    // A process that was suspended, or a Redis whose clock was set, would go by different times for good.
    private static readonly TimeSpan ResyncInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RefusalLogInterval = TimeSpan.FromMinutes(1);

    private readonly Breaker _breaker = new("cache", time, logger);
    private readonly SemaphoreSlim _initializing = new(1);
    private volatile bool _isReady;
    private long _syncedAt;
    private long _refusedAt;
    private int _seenInterruptions;

    /// <summary>Whether the cache has been reached and its layout checked.</summary>
    public bool IsReady => _isReady;

    /// <summary>Calls the cache.</summary>
    /// <typeparam name="TState">What the call needs.</typeparam>
    /// <typeparam name="T">What it returns.</typeparam>
    /// <param name="call">The call; static, so that it captures nothing.</param>
    /// <param name="state">What the call needs.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="CheckpointUnavailableException">The cache cannot be reached.</exception>
    /// <exception cref="CheckpointException">The cache has another layout than the options say; not transient.</exception>
    public Task<T> CallAsync<TState, T>(
        Func<ICheckpointCache, TState, CancellationToken, Task<T>> call, TState state, CancellationToken cancellationToken)
    {
        if (!_breaker.TryEnter())
        {
            return Task.FromException<T>(new CheckpointUnavailableException(
                "Redis could not be reached a moment ago.", "Check that Redis is running."));
        }

        return ObserveAsync(_isReady ? call(cache, state, cancellationToken) : InitializeAndCallAsync(call, state, cancellationToken));
    }

    /// <summary>Reaches the cache and checks its layout, if that has not been done.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        await _initializing.WaitAsync(cancellationToken);
        try
        {
            if (_isReady)
            {
                return;
            }

            Volatile.Write(ref _seenInterruptions, cache.Interruptions);
            await cache.InitializeAsync(cancellationToken);
            await SynchronizeAsync(cancellationToken);
            _isReady = true;
        }
        finally
        {
            _initializing.Release();
        }
    }

    public void Dispose() => _initializing.Dispose();

    private async Task<T> InitializeAndCallAsync<TState, T>(
        Func<ICheckpointCache, TState, CancellationToken, Task<T>> call, TState state, CancellationToken cancellationToken)
    {
        await InitializeAsync(cancellationToken);
        return await call(cache, state, cancellationToken);
    }

    private async Task<T> ObserveAsync<T>(Task<T> call)
    {
        try
        {
            var result = await call;
            _breaker.Succeeded();
            if (_isReady)
            {
                LookAgain();
            }

            return result;
        }
        catch (CheckpointUnavailableException e) when (e.IsRefusal)
        {
            // It is there; one that refuses writes (out of memory, too few replicas) may still be read.
            _breaker.Succeeded();
            LogRefusal(e);
            throw;
        }
        catch (CheckpointUnavailableException e)
        {
            _breaker.Failed(e);
            throw;
        }
    }

    private void LogRefusal(Exception exception)
    {
        var before = Volatile.Read(ref _refusedAt);
        if ((before == 0 || time.GetElapsedTime(before) >= RefusalLogInterval)
            && Interlocked.CompareExchange(ref _refusedAt, time.GetTimestamp(), before) == before)
        {
            Log.Refused(logger, RefusalLogInterval.TotalSeconds, exception);
        }
    }

    /// <summary>
    /// Time goes on, and Redis may have come back without what it held: whether its layout is still there and ours is
    /// looked up in the background.
    /// </summary>
    private void LookAgain()
    {
        var (syncedAt, seen, interruptions) = (Volatile.Read(ref _syncedAt), Volatile.Read(ref _seenInterruptions), cache.Interruptions);
        var isInterrupted = interruptions != seen && Interlocked.CompareExchange(ref _seenInterruptions, interruptions, seen) == seen;
        var isDue = time.GetElapsedTime(syncedAt) > ResyncInterval && Interlocked.CompareExchange(ref _syncedAt, time.GetTimestamp(), syncedAt) == syncedAt;
        if (isInterrupted || isDue)
        {
            _ = LookAgainAsync(isDue);
        }
    }

    private async Task SynchronizeAsync(CancellationToken cancellationToken)
    {
        clock.Synchronize(await cache.GetTimeAsync(cancellationToken));
        Volatile.Write(ref _syncedAt, time.GetTimestamp());
    }

    private async Task LookAgainAsync(bool isDue)
    {
        try
        {
            if (isDue)
            {
                await SynchronizeAsync(CancellationToken.None);
            }

            await cache.InitializeAsync(CancellationToken.None);
        }
        catch (CheckpointException e) when (e is CheckpointUnavailableException or CheckpointFormatException)
        {
            // The calls meet the same.
        }
        catch (CheckpointException)
        {
            // Redis was emptied, and another program laid it out since: calls are refused, each with the reason.
            _isReady = false;
        }
    }
}
