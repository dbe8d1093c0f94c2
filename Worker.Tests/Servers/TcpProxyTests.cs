using System.Net;
using System.Net.Sockets;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

public sealed class TcpProxyTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task CutAsync_ThenRestore_ResetsRefusesAndTakesAgain()
    {
        await using var echo = new EchoServer();
        await using var sut = TcpProxy.Start(echo.Port);
        using var first = await ConnectAsync(sut);
        (await EchoAsync(first, 1)).ShouldBe(1);
        var pending = first.GetStream().ReadAsync(new byte[1]).AsTask();

        await sut.CutAsync();
        await Should.ThrowAsync<IOException>(() => pending.WaitAsync(Patience));
        await Should.ThrowAsync<SocketException>(() => ConnectAsync(sut));
        await sut.CutAsync();

        sut.Restore();
        using var second = await ConnectAsync(sut);
        (await EchoAsync(second, 2)).ShouldBe(2);
    }

    [Fact]
    public async Task CutAsync_WhileFrozen_Returns()
    {
        await using var echo = new EchoServer();
        await using var sut = TcpProxy.Start(echo.Port);
        using var client = await ConnectAsync(sut);
        (await EchoAsync(client, 1)).ShouldBe(1);
        sut.Freeze();
        client.GetStream().WriteByte(2);
        await sut.CutAsync().WaitAsync(Patience);
    }

    [Fact]
    public async Task Freeze_HoldsOldAndNewConnections_UntilThaw()
    {
        await using var echo = new EchoServer();
        await using var sut = TcpProxy.Start(echo.Port);
        using var old = await ConnectAsync(sut);
        (await EchoAsync(old, 1)).ShouldBe(1);

        sut.Freeze();
        using var fresh = await ConnectAsync(sut);
        var answers = Task.WhenAll(EchoAsync(old, 2), EchoAsync(fresh, 3));
        await Should.ThrowAsync<TimeoutException>(() => answers.WaitAsync(Moment));

        sut.Thaw();
        (await answers.WaitAsync(Patience)).ShouldBe([2, 3]);
    }

    [Fact]
    public async Task Delay_HoldsEachChunk()
    {
        await using var echo = new EchoServer();
        await using var sut = TcpProxy.Start(echo.Port);
        using var client = await ConnectAsync(sut);
        sut.Delay = TimeSpan.FromMilliseconds(60);
        var started = TimeProvider.System.GetTimestamp();
        (await EchoAsync(client, 1)).ShouldBe(1);
        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task TargetDown_ConnectionEnds()
    {
        int port;
        await using (var echo = new EchoServer())
        {
            port = echo.Port;
        }

        await using var sut = TcpProxy.Start(port);
        // The end can come before connecting is over, or after.
        var end = await Should.ThrowAsync<Exception>(async () =>
        {
            using var client = await ConnectAsync(sut);
            await EchoAsync(client, 1).WaitAsync(Patience);
        });
        (end is IOException or SocketException).ShouldBeTrue(end.ToString());
    }

    [Fact]
    public async Task ClientCloses_EndIsPassedOn()
    {
        await using var echo = new EchoServer();
        await using var sut = TcpProxy.Start(echo.Port);
        using var client = await ConnectAsync(sut);
        var bytes = new byte[1_000_000];
        Random.Shared.NextBytes(bytes);
        var sending = Task.Run(async () =>
        {
            await client.GetStream().WriteAsync(bytes);
            client.Client.Shutdown(SocketShutdown.Send);
        });
        var received = new MemoryStream();
        await client.GetStream().CopyToAsync(received).WaitAsync(Patience);
        await sending;
        received.ToArray().ShouldBe(bytes);
    }

    [Theory]
    [InlineData("127.0.0.1:20001,password=20001", "127.0.0.1:{0},password=20001")]
    [InlineData("amqp://guest:guest@127.0.0.1:20001/", "amqp://guest:guest@127.0.0.1:{0}/")]
    [InlineData("Host=127.0.0.1;Port=20001;Password=20001", "Host=127.0.0.1;Port={0};Password=20001")]
    public async Task ConnectionString_LeadsThroughTheProxy(string direct, string through)
    {
        await using var sut = TcpProxy.Start(direct);
        sut.ConnectionString.ShouldBe(string.Format(System.Globalization.CultureInfo.InvariantCulture, through, sut.Port));
    }

    private static async Task<TcpClient> ConnectAsync(TcpProxy proxy)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Port);
        return client;
    }

    private static async Task<int> EchoAsync(TcpClient client, byte value)
    {
        var buffer = new[] { value };
        await client.GetStream().WriteAsync(buffer);
        await client.GetStream().ReadExactlyAsync(buffer);
        return buffer[0];
    }
}
