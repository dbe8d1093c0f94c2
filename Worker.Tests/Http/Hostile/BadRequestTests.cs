using System.Text;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>Bad requests to a worker.</summary>
/// <param name="host">The worker.</param>
/// <param name="output">Told how they were refused.</param>
/// <param name="count">How many.</param>
public abstract class BadRequestTests(BadRequestHost host, ITestOutputHelper output, int count)
{
    private const int Seed = 20261121;

    private Uri Address => host.Worker.Http.BaseAddress!;

    /// <summary>
    /// Each is refused with a problem; with a bare status only what the server itself cannot parse. One in ten is sent a
    /// second time, cut off at a random place.
    /// </summary>
    [Fact]
    public async Task Requests_ManyBadOnes_AreRefusedWithAProblem()
    {
        var (failures, heads, bare, random) = (new List<string>(), 0, 0, new Random(Seed));
        foreach (var request in new BadRequests(Seed, Address.Authority).Take(count))
        {
            var answer = await RawHttp.SendAsync(Address, request.Bytes);
            var isBare = request.MayBeBare && !request.IsHead && answer.ContentType.Length == 0;
            var hasItsBody = request.IsHead || isBare || answer.IsProblem;
            heads += request.IsHead ? 1 : 0;
            bare += isBare ? 1 : 0;
            if (answer.Status is < 400 or >= 500 || !hasItsBody)
            {
                failures.Add($"{answer} to {request}");
            }

            if (random.Next(10) == 0)
            {
                await RawHttp.AbandonAsync(Address, request.Bytes[..random.Next(request.Bytes.Length)]);
            }
        }

        failures.ShouldBeEmpty();
        output.WriteLine($"{count} were refused: {count - heads - bare} with a problem, {heads} answers to HEAD, {bare} by the server itself, with a bare status.");
        bare.ShouldBeLessThan(count / 8);
        await StillServesAsync();
    }

    [Theory]
    [InlineData("POST", "/executions/e/checkpoints", "application/octet-stream")]
    [InlineData("POST", "/jobs", "application/json")]
    public async Task Body_ThatDoesNotCome_TimesOut(string method, string path, string type)
    {
        var head = $"{method} {path} HTTP/1.1\r\nHost: {Address.Authority}\r\nContent-Type: {type}\r\nContent-Length: 10\r\n\r\n12";
        var answer = await RawHttp.SendAsync(Address, Encoding.ASCII.GetBytes(head));
        answer.Status.ShouldBe(408, answer.ToString());
        answer.IsProblem.ShouldBeTrue(answer.ToString());
        await StillServesAsync();
    }

    private async Task StillServesAsync()
    {
        using var saved = await host.Worker.Http.PutAsync("/executions/good/checkpoints/c", new StringContent("still here"));
        saved.IsSuccessStatusCode.ShouldBeTrue();
        (await host.Worker.Http.GetStringAsync("/executions/good/latest")).ShouldBe("still here");
        host.Errors.ShouldBeEmpty();
    }
}
