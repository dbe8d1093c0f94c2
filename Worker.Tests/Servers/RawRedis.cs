using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A PING over a plain socket: no client library that reconnects behind the test's back.</summary>
internal sealed class RawRedis : IAsyncDisposable
{
    private readonly TcpClient _client = new();
    private readonly string[] _endpoint;

    public RawRedis(string connectionString) => _endpoint = connectionString.Split(',')[0].Split(':');

    public async Task PingAsync()
    {
        if (!_client.Connected)
        {
            await _client.ConnectAsync(_endpoint[0], int.Parse(_endpoint[1], CultureInfo.InvariantCulture));
        }

        var stream = _client.GetStream();
        await stream.WriteAsync("PING\r\n"u8.ToArray());
        var answer = new byte[7];
        await stream.ReadExactlyAsync(answer);
        if (Encoding.ASCII.GetString(answer) != "+PONG\r\n")
        {
            throw new InvalidDataException(Encoding.ASCII.GetString(answer));
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
