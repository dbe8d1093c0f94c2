using System.IO.Pipelines;
using System.Runtime.InteropServices;
using AsyncCheckpoints.Worker.Http;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public sealed class StateBodyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(5_000_000)]
    public async Task ReadAsync_LengthIsGiven_TakesRoomForThatOnly(int length)
    {
        var sent = new byte[length];
        Random.Shared.NextBytes(sent);
        var context = new DefaultHttpContext();
        context.Request.ContentLength = length;
        context.Request.Body = PipeReader.Create(new MemoryStream(sent)).AsStream();
        var state = await StateBody.ReadAsync(context, 16 * 1024 * 1024);
        state.ToArray().ShouldBe(sent);
        MemoryMarshal.TryGetArray(state, out var array).ShouldBeTrue();
        array.Array!.Length.ShouldBe(length);
    }
}
