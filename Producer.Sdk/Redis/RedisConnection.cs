using System.Diagnostics;
using AsyncCheckpoints.Saving;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// One multiplexed connection, made at the first call, so a program starts while Redis is down. Every call ends within
/// the timeout: the client library bounds only its synchronous calls. Thread-safe.
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable
{
    // So many timeouts long nothing has been answered, over a connection that counts as established.
    private const int SilentTimeouts = 4;

    // So many long there was no connection: the library may have given up, whatever it says.
    private const int AwayTimeouts = 15;

    // Timeouts that are further apart say nothing about the time between; a breaker's pause is shorter.
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(10);

    private readonly ConfigurationOptions _options;
    private readonly TimeSpan _timeout;
    private readonly SharedTimeout _deadline;
    private readonly Lock _gate = new();
    private readonly IReadOnlyList<RedisScript> _ordered;
    private Task<ConnectionMultiplexer>? _connecting;
    private volatile bool _isPrepared;
    private volatile IDatabase? _database;
    private long _unheardSince;
    private long _lastFailure;
    private int _interruptions;
    private bool _disposed;

    /// <summary>A connection from a connection string; nothing is sent yet.</summary>
    /// <param name="connectionString">Of StackExchange.Redis, such as "host:6379,password=…".</param>
    /// <param name="timeout">The longest time of one call.</param>
    /// <param name="ordered">Scripts whose calls must take effect in the order in which they are made.</param>
    /// <exception cref="ArgumentException">The connection string is not valid.</exception>
    public RedisConnection(string connectionString, TimeSpan timeout, IReadOnlyList<RedisScript>? ordered = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        try
        {
            _options = ConfigurationOptions.Parse(connectionString);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new ArgumentException($"The connection string of Redis is not valid: {e.Message}", nameof(connectionString), e);
        }

        if (_options.EndPoints.Count == 0)
        {
            throw new ArgumentException("The connection string of Redis names no server.", nameof(connectionString));
        }

        // The library knows no servers behind one, so scripts cannot be made known before they are called.
        if (_options.Proxy != Proxy.None)
        {
            throw new ArgumentException(
                $"The connection string of Redis has proxy={_options.Proxy}, which is not supported: name the server, nodes of a Redis Cluster, or sentinels.",
                nameof(connectionString));
        }

        _options.AbortOnConnectFail = false;

        // What waits for a connection would reach Redis late, and behind what was called over the next one.
        _options.BacklogPolicy = BacklogPolicy.FailFast;

        // The library asks for it before INFO and CONFIG GET.
        _options.AllowAdmin = true;

        // A name is looked up at each attempt to connect: after a failover it may mean another server.
        _options.ResolveDns = false;
        _options.KeepAlive = 10;
        _options.ConnectTimeout = (int)Math.Clamp(timeout.TotalMilliseconds, 250, 5000);
        _timeout = timeout;
        _ordered = ordered ?? [];
        _deadline = new SharedTimeout(timeout, TimeProvider.System);
    }

    /// <summary>Changes whenever a connection is lost or made, or another server takes over.</summary>
    public int Interruptions => Volatile.Read(ref _interruptions);

    /// <summary>Runs a script by its hash, and by its text where Redis does not know it (yet, or since a restart).</summary>
    /// <param name="script">The script.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="values">Its arguments.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<RedisResult> RunAsync(RedisScript script, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken)
    {
        IDatabase? db = null;
        Task? answer = null;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            db = _database ?? await ConnectAsync(cancellationToken);
            if (!_isPrepared)
            {
                Prepare(db.Multiplexer);
            }

            try
            {
                var evaluated = db.ScriptEvaluateAsync(script.Hash, keys, values);
                answer = evaluated;
                return Answered(await BoundAsync(evaluated, cancellationToken));
            }
            catch (RedisServerException e) when (RedisErrors.IsUnknownScript(e))
            {
                // EVAL also makes it known. The library's own cache of scripts would trust its memory and fail again.
                var arguments = new List<object>(keys.Length + values.Length + 2) { script.Text, keys.Length };
                arguments.AddRange(keys.Cast<object>());
                arguments.AddRange(values.Cast<object>());
                var evaluated = db.ExecuteAsync("EVAL", arguments);
                answer = evaluated;
                return Answered(await BoundAsync(evaluated, cancellationToken));
            }
        }
        catch (Exception e) when (RedisErrors.Translate(e, cancellationToken) is { } translated)
        {
            Failed(db?.Multiplexer, answer, e);
            throw translated;
        }
    }

    /// <summary>Makes one call.</summary>
    /// <typeparam name="T">What it returns.</typeparam>
    /// <param name="call">Starts the call.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<T> CallAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellationToken)
    {
        IDatabase? db = null;
        Task? answer = null;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            db = _database ?? await ConnectAsync(cancellationToken);
            var called = call(db);
            answer = called;
            return Answered(await BoundAsync(called, cancellationToken));
        }
        catch (Exception e) when (RedisErrors.Translate(e, cancellationToken) is { } translated)
        {
            Failed(db?.Multiplexer, answer, e);
            throw translated;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Task<ConnectionMultiplexer>? made;
        lock (_gate)
        {
            _disposed = true;
            made = _connecting;
            _database = null;
        }

        if (made is not null)
        {
            await CloseAsync(made);
        }
    }

    private async Task CloseAsync(Task<ConnectionMultiplexer> made)
    {
        try
        {
            var multiplexer = await made.WaitAsync(_timeout);
            await multiplexer.CloseAsync(allowCommandsToComplete: false).WaitAsync(_timeout);

            // Of sentinels, closing leaves a connection and a timer.
            await multiplexer.DisposeAsync().AsTask().WaitAsync(_timeout);
        }
        catch (Exception e) when (RedisErrors.Translate(e, default) is not null)
        {
            // Nothing to close in an orderly way.
        }
    }

    private T Answered<T>(T answer)
    {
        Heard();
        return answer;
    }

    private void Heard()
    {
        if (Volatile.Read(ref _unheardSince) != 0)
        {
            Volatile.Write(ref _unheardSince, 0);
        }
    }

    /// <summary>
    /// A server that is gone without a word leaves a connection that the library, and for a quarter of an hour the operating
    /// system, takes for a good one: another takes its place. One that answers late is not gone. Another is also made where
    /// there has been none for long, in case that the library does not try any more; with sentinels it has a timer for that.
    /// </summary>
    private void Failed(IConnectionMultiplexer? multiplexer, Task? answer, Exception exception)
    {
        if (exception is RedisServerException)
        {
            Heard();
        }

        if (multiplexer is null)
        {
            return;
        }

        var isUnanswered = answer is not null && exception is TimeoutException or OperationCanceledException;
        if (isUnanswered)
        {
            _ = answer!.ContinueWith(
                static (late, self) =>
                {
                    if (late.IsCompletedSuccessfully || late.Exception?.InnerException is RedisServerException)
                    {
                        ((RedisConnection)self!).Heard();
                    }
                },
                this,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        var isAway = !multiplexer.IsConnected;
        if (isAway ? _options.ServiceName is not null : !isUnanswered)
        {
            return;
        }

        lock (_gate)
        {
            if (_disposed || _connecting is null || _database?.Multiplexer != multiplexer)
            {
                return;
            }

            var now = Stopwatch.GetTimestamp();
            if (_unheardSince == 0 || (!isAway && Stopwatch.GetElapsedTime(_lastFailure, now) > (_timeout * SilentTimeouts) + LongPause))
            {
                _unheardSince = now;
            }

            _lastFailure = now;
            if (Stopwatch.GetElapsedTime(_unheardSince, now) < _timeout * (isAway ? AwayTimeouts : SilentTimeouts - 1))
            {
                return;
            }

            (_connecting, _database) = (ReopenAsync(_connecting, isAway ? _timeout / 4 : 2 * _timeout), null);
            Interrupted();
        }
    }

    /// <summary>
    /// When whatever was called over a silent one, also by who has just taken it, is past its deadline: what Redis still
    /// gets of it has no effect then, and cannot come between what the new one brings.
    /// </summary>
    private async Task<ConnectionMultiplexer> ReopenAsync(Task<ConnectionMultiplexer> last, TimeSpan delay)
    {
        await Task.Delay(delay).ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // The caller holds the lock.
        await CloseAsync(last);
        lock (_gate)
        {
            if (_disposed)
            {
                throw new OperationCanceledException("The connection to Redis was disposed.");
            }
        }

        return await OpenAsync();
    }

    /// <summary>
    /// Makes the scripts known before the first calls of a connection, on that connection: a call that Redis did not know is
    /// made again, behind those that followed it.
    /// </summary>
    private void Prepare(IConnectionMultiplexer multiplexer)
    {
        lock (_gate)
        {
            if (_isPrepared || _database?.Multiplexer != multiplexer)
            {
                return;
            }

            foreach (var server in multiplexer.GetEndPoints().Select(endPoint => multiplexer.GetServer(endPoint)).Where(server => server is { IsConnected: true, IsReplica: false }))
            {
                foreach (var script in _ordered)
                {
                    _ = server.ScriptLoadAsync(script.Text, CommandFlags.FireAndForget);
                }

                _isPrepared = true;
            }
        }
    }

    private Task<T> BoundAsync<T>(Task<T> task, CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? task.WaitAsync(_timeout, cancellationToken) : task.WaitAsync(_deadline.Token);

    private async Task<IDatabase> ConnectAsync(CancellationToken cancellationToken)
    {
        Task<ConnectionMultiplexer> attempt;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_connecting is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _connecting = OpenAsync();
            }

            attempt = _connecting;
        }

        var made = (await attempt.WaitAsync(_timeout, cancellationToken)).GetDatabase();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_connecting == attempt)
            {
                _database = made;
            }
        }

        return made;
    }

    private async Task<ConnectionMultiplexer> OpenAsync()
    {
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(_options);

        // Redis may come back without them.
        multiplexer.ConnectionFailed += (_, _) => Interrupted();
        multiplexer.ConnectionRestored += (_, _) => Interrupted();
        multiplexer.ConfigurationChanged += (_, _) => Interrupted();
        multiplexer.HashSlotMoved += (_, _) => Interrupted();
        return multiplexer;
    }

    private void Interrupted()
    {
        _isPrepared = false;
        Volatile.Write(ref _unheardSince, 0);
        Interlocked.Increment(ref _interruptions);
    }
}
