using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A loopback proxy in front of a server, which can cut, freeze and slow down what passes. The port never changes.</summary>
internal sealed partial class TcpProxy : IAsyncDisposable
{
    private readonly int _target;
    private readonly string? _targetConnectionString;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<Task, byte> _connections = new();
    private Socket _listener;
    private CancellationTokenSource _cut = new();
    private Task _accepting = Task.CompletedTask;
    private bool _open;
    private TaskCompletionSource _thawed = Set();
    private TaskCompletionSource _forsaken = new();
    private long _delayTicks;
    private int _accepted;

    private TcpProxy(int target, string? targetConnectionString)
    {
        _target = target;
        _targetConnectionString = targetConnectionString;
        _listener = Bind(0);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
    }

    public int Port { get; }

    /// <summary>Connections that were taken so far, whether or not the target took them too.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>The connection string that the proxy was started with, leading through the proxy.</summary>
    public string ConnectionString =>
        PortOf().Replace(_targetConnectionString ?? throw new InvalidOperationException("Started with a port."), Port.ToString(CultureInfo.InvariantCulture), 1);

    /// <summary>Waited before each chunk is forwarded, in either direction.</summary>
    public TimeSpan Delay
    {
        get => new(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    public static TcpProxy Start(int targetPort)
    {
        var proxy = new TcpProxy(targetPort, null);
        proxy.Restore();
        return proxy;
    }

    /// <summary>In front of one of our servers, named by its connection string (Redis, RabbitMQ or PostgreSQL).</summary>
    public static TcpProxy Start(string connectionString)
    {
        var proxy = new TcpProxy(int.Parse(PortOf().Match(connectionString).Value, CultureInfo.InvariantCulture), connectionString);
        proxy.Restore();
        return proxy;
    }

    /// <summary>Resets every connection and refuses new ones; returns when that is so.</summary>
    public async Task CutAsync()
    {
        Task accepting;
        CancellationTokenSource cut;
        lock (_gate)
        {
            if (!_open)
            {
                return;
            }

            _open = false;
            _listener.Dispose();
            // Bound but not listening: connections are refused, and nobody else gets the port.
            _listener = Bind(Port);
            accepting = _accepting;
            cut = _cut;
        }

        await cut.CancelAsync();
        await accepting;
        await Task.WhenAll(_connections.Keys);
        cut.Dispose();
    }

    /// <summary>Takes connections again after a cut.</summary>
    public void Restore()
    {
        lock (_gate)
        {
            if (_open)
            {
                return;
            }

            _open = true;
            _cut = new();
            _listener.Listen(512);
            _accepting = AcceptAsync(_listener, _cut.Token);
        }
    }

    /// <summary>Forwards nothing more, and keeps every connection; new ones are taken and hear nothing either.</summary>
    public void Freeze()
    {
        lock (_gate)
        {
            if (_thawed.Task.IsCompleted)
            {
                _thawed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    public void Thaw()
    {
        lock (_gate)
        {
            _thawed.TrySetResult();
        }
    }

    /// <summary>Keeps every connection and forwards nothing over it any more, as when the peer has lost its power; new ones are as ever.</summary>
    public void Forsake()
    {
        lock (_gate)
        {
            _forsaken.TrySetResult();
            _forsaken = new();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        _listener.Dispose();
    }

    private async Task AcceptAsync(Socket listener, CancellationToken cut)
    {
        while (!cut.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(cut);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The listener was closed, or a client left before it was taken.
                continue;
            }

            Interlocked.Increment(ref _accepted);
            var connection = ForwardAsync(client, cut);
            _connections.TryAdd(connection, 0);
            _ = connection.ContinueWith(done => _connections.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task ForwardAsync(Socket client, CancellationToken cut)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            using var failed = CancellationTokenSource.CreateLinkedTokenSource(cut);
            Task forsaken;
            lock (_gate)
            {
                forsaken = _forsaken.Task;
            }

            try
            {
                await ThawedAsync(failed.Token);
                await server.ConnectAsync(IPAddress.Loopback, _target, failed.Token);
                await Task.WhenAll(PumpAsync(client, server, forsaken, failed), PumpAsync(server, client, forsaken, failed));
            }
            catch (Exception e) when (IsEnd(e))
            {
                Reset(client);
                Reset(server);
            }
        }
    }

    /// <summary>Copies until the end of one direction, which it passes on; a fault ends both.</summary>
    private async Task PumpAsync(Socket from, Socket to, Task forsaken, CancellationTokenSource failed)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var count = await from.ReceiveAsync(buffer, failed.Token);
                if (Delay is { Ticks: > 0 } delay)
                {
                    await Task.Delay(delay, failed.Token);
                }

                await ThawedAsync(failed.Token);
                if (forsaken.IsCompleted)
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, failed.Token);
                }

                if (count == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), failed.Token);
                }
            }
        }
        catch (Exception e) when (IsEnd(e))
        {
            await failed.CancelAsync();
            throw;
        }
    }

    private Task ThawedAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _thawed.Task.WaitAsync(cancellationToken);
        }
    }

    private static bool IsEnd(Exception e) => e is SocketException or OperationCanceledException or ObjectDisposedException;

    // Closing then sends a reset, as a crashed peer does.
    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new(true, 0);
        }
        catch (Exception e) when (IsEnd(e))
        {
            // Closed already.
        }
    }

    private static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // The connections of the listener before it may still be closing.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static TaskCompletionSource Set()
    {
        var set = new TaskCompletionSource();
        set.SetResult();
        return set;
    }

    // "host:1234" or "Port=1234".
    [GeneratedRegex(@"(?<=127\.0\.0\.1:|Port=)\d+")]
    private static partial Regex PortOf();
}
