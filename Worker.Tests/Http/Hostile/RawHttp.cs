using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>Sends bytes as they are, which HttpClient would put in order first, and reads the answer.</summary>
internal static class RawHttp
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>An answer.</summary>
    /// <param name="Status">Its status.</param>
    /// <param name="ContentType">Its content type; "" without one.</param>
    /// <param name="Body">Its body as text.</param>
    public sealed record Answer(int Status, string ContentType, string Body)
    {
        /// <summary>Whether it is a problem document that says the same status.</summary>
        public bool IsProblem => Body.Length > 0
            && ContentType.StartsWith("application/problem+json", StringComparison.Ordinal)
            && JsonElement.Parse(Body) is var problem
            && problem.GetProperty("status").GetInt32() == Status
            && problem.GetProperty("title").GetString() is { Length: > 0 }
            && problem.GetProperty("type").GetString()!.StartsWith("urn:asynccheckpoints:", StringComparison.Ordinal);
    }

    /// <summary>Sends a request on a connection of its own and reads its answer. The server need not have read it all.</summary>
    public static async Task<Answer> SendAsync(Uri address, byte[] request)
    {
        using var timeout = new CancellationTokenSource(Patience);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port, timeout.Token);
        var stream = tcp.GetStream();
        var sending = SendAsync(stream, request, timeout.Token);
        var (received, buffer) = (new MemoryStream(), new byte[16 * 1024]);
        while (!IsComplete(received.GetBuffer().AsSpan(0, (int)received.Length), isHead: request.AsSpan().StartsWith("HEAD "u8)))
        {
            var count = await stream.ReadAsync(buffer, timeout.Token);
            if (count == 0)
            {
                break;
            }

            received.Write(buffer, 0, count);
        }

        tcp.Close();
        await sending;
        return Parse(Encoding.UTF8.GetString(received.GetBuffer(), 0, (int)received.Length));
    }

    /// <summary>Sends a part of a request and goes.</summary>
    public static async Task AbandonAsync(Uri address, byte[] part)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port);
        await tcp.GetStream().WriteAsync(part);
    }

    private static async Task SendAsync(NetworkStream stream, byte[] request, CancellationToken cancellationToken)
    {
        try
        {
            await stream.WriteAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It has answered already; how is for the test to say.
        }
    }

    // A server that waits for the rest of a body keeps the connection for a while.
    private static bool IsComplete(ReadOnlySpan<byte> received, bool isHead)
    {
        var end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0 || isHead)
        {
            return end >= 0;
        }

        var head = Encoding.Latin1.GetString(received[..end]);
        var length = head.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
        return length < 0
            ? received.EndsWith("\r\n0\r\n\r\n"u8)
            : received.Length - end - 4 >= int.Parse(head.AsSpan(length + 16).TrimEnd().ToString().Split('\r')[0], CultureInfo.InvariantCulture);
    }

    private static Answer Parse(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            throw new InvalidDataException($"The server closed without an answer: '{text}'.");
        }

        var lines = text[..end].Split("\r\n");
        var headers = lines[1..].Select(line => line.Split(": ", 2)).ToLookup(line => line[0], line => line[1], StringComparer.OrdinalIgnoreCase);
        var body = text[(end + 4)..];
        return new Answer(
            int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture),
            headers["Content-Type"].SingleOrDefault() ?? "",
            headers["Transfer-Encoding"].Contains("chunked") ? Unchunk(body) : body);
    }

    private static string Unchunk(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var (result, position) = (new MemoryStream(), 0);
        while (true)
        {
            var line = Array.IndexOf(bytes, (byte)'\r', position);
            var length = int.Parse(Encoding.ASCII.GetString(bytes, position, line - position), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0)
            {
                return Encoding.UTF8.GetString(result.ToArray());
            }

            result.Write(bytes, line + 2, length);
            position = line + 2 + length + 2;
        }
    }
}
