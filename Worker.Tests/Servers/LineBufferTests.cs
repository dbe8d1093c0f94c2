using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

public sealed class LineBufferTests
{
    [Fact]
    public async Task WaitAsync_LineBeforeAndAfter_IsFound()
    {
        var sut = new LineBuffer();
        sut.Add("a");
        (await sut.WaitAsync(line => line == "a", TimeSpan.Zero)).ShouldBe("a");
        var waiting = sut.WaitAsync(line => line == "b", TimeSpan.FromSeconds(10));
        sut.Add("b");
        (await waiting).ShouldBe("b");
    }

    [Fact]
    public async Task Complete_Waiting_FailsWithTheTail()
    {
        var sut = new LineBuffer();
        var waiting = sut.WaitAsync(line => line == "b", TimeSpan.FromSeconds(10));
        sut.Add("the reason");
        sut.Complete();
        (await Should.ThrowAsync<InvalidOperationException>(() => waiting)).Message.ShouldContain("the reason");
    }

    [Fact]
    public void Add_TooMany_KeepsTheNewest()
    {
        var sut = new LineBuffer();
        for (var i = 0; i < 10_001; i++)
        {
            sut.Add($"{i}");
        }

        sut.Snapshot().Count.ShouldBe(10_000);
        sut.Snapshot()[0].ShouldBe("1");
    }
}
