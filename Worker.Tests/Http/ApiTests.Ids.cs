using System.Net;
using System.Net.Sockets;
using System.Text;
using AsyncCheckpoints.Worker.Http;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public abstract partial class ApiTests
{
    public static TheoryData<string> LegalIds =>
    [
        ".", "..", "...", "~", "~.", "~..", "~~..", "~x", "/", "//", "a/b", "/a/", "../../etc", "a/..", "%", "%2F", "%252F", "%00", "%zz", "100%",
        "\\", "a\\b", " ", " a ", "+", "a+b", "?", "a?b=c", "#", "a#b", "&a=b", "=", ";", ":", "@", "'\"`", "<script>", "{execution}", "[x]", "|^",
        "\u200Fa\u202Eb\u2066", "\u200E", "\u00AD\u2028\uFEFF", "é", "e\u0301", "日本", "😀", "latest", "checkpoints", "fork", "NULL", new string('€', 256),
    ];

    [Theory]
    [MemberData(nameof(LegalIds))]
    public async Task Ids_EveryLegalOne_Survive(string id)
    {
        var (execution, state) = (id, $"{Guid.NewGuid()}");
        var query = $"?namespace={Uri.EscapeDataString(id)}";
        try
        {
            using var saved = await Http.PutAsync(
                $"{Path(execution)}/{PercentText.EncodeSegment(id)}{query}&parentId={Uri.EscapeDataString(id)}&node={Uri.EscapeDataString(id)}", Body(state));
            saved.StatusCode.ShouldBe(HttpStatusCode.Created);
            var result = await JsonAsync(saved);
            result.GetProperty("executionId").GetString().ShouldBe(id);
            result.GetProperty("namespace").GetString().ShouldBe(id);
            result.GetProperty("id").GetString().ShouldBe(id);

            using var loaded = await Http.GetAsync(saved.Headers.Location);
            (await loaded.Content.ReadAsStringAsync()).ShouldBe(state);
            foreach (var header in new[] { "Checkpoint-Execution", "Checkpoint-Namespace", "Checkpoint-Id", "Checkpoint-Parent-Id", "Checkpoint-Node" })
            {
                Uri.UnescapeDataString(Header(loaded, header)!).ShouldBe(id);
            }

            (await Http.GetStringAsync($"/executions/{PercentText.EncodeSegment(execution)}/latest{query}")).ShouldBe(state);
            var page = await JsonAsync(await Http.GetAsync($"{Path(execution)}{query}&parentId={Uri.EscapeDataString(id)}&node={Uri.EscapeDataString(id)}"));
            page.GetProperty("items").EnumerateArray().Single().GetProperty("id").GetString().ShouldBe(id);
            var executions = await JsonAsync(await Http.GetAsync($"/executions?prefix={Uri.EscapeDataString(id)}"));
            executions.GetProperty("items").EnumerateArray().Select(e => e.GetString()).ShouldContain(id);
            (await Http.DeleteAsync($"{Path(execution)}/{PercentText.EncodeSegment(id)}{query}")).StatusCode.ShouldBe(HttpStatusCode.OK);
            (await Http.GetAsync(saved.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }
        finally
        {
            await Http.DeleteAsync($"/executions/{PercentText.EncodeSegment(execution)}");
        }
    }

    [Fact]
    public async Task Ids_ThatDifferOnlyWhenEncoded_AreDifferent()
    {
        string[] ids = ["a/b", "a%2Fb", "a%252Fb", "..", "~..", "~~..", "a+b", "a b", "a%20b", "a%2Bb", "A/b"];
        foreach (var id in ids)
        {
            (await Http.PutAsync($"{Path()}/{PercentText.EncodeSegment(id)}", Body(id))).EnsureSuccessStatusCode();
        }

        foreach (var id in ids)
        {
            (await Http.GetStringAsync($"{Path()}/{PercentText.EncodeSegment(id)}")).ShouldBe(id);
        }

        var page = await JsonAsync(await Http.GetAsync($"{Path()}?order=oldest"));
        page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString()).ShouldBe(ids);
    }

    [Theory]
    [InlineData("DELETE /executions/{e}/checkpoints/..")]
    [InlineData("DELETE /executions/{e}/checkpoints/%2E%2E")]
    [InlineData("DELETE /executions/{e}/checkpoints/%2e.")]
    [InlineData("DELETE /executions/{e}/")]
    [InlineData("DELETE /executions/x/../{e}")]
    [InlineData("DELETE /executions/x/%2E%2E/{e}")]
    [InlineData("DELETE /executions//{e}")]
    [InlineData("DELETE //executions/{e}")]
    [InlineData("DELETE /executions/./{e}")]
    [InlineData("DELETE /executions/{e}/checkpoints/a%zz")]
    [InlineData("DELETE /executions/{e}/checkpoints/a%FF")]
    [InlineData("DELETE /executions/{e}/checkpoints/a%C0%AE")]
    [InlineData("DELETE /executions/{e}/checkpoints/a%0A")]
    [InlineData("DELETE /executions/{e}/checkpoints/a%00")]
    [InlineData("DELETE /executions/{e}/checkpoints/")]
    [InlineData("DELETE /executions/{e}/checkpoints/a/")]
    [InlineData("DELETE /executions/{e}/checkpoints/a/b")]
    [InlineData("DELETE /executions/{e}/checkpoints/a?namespace=%4")]
    [InlineData("DELETE http://localhost/executions/{e}/checkpoints/..")]
    [InlineData("DELETE http://localhost/executions/{e}%2Fcheckpoints%2Fa")]
    [InlineData("DELETE http://localhost")]
    public async Task RawTarget_FolderSegmentsOrBadEncoding_TouchNothing(string target)
    {
        (await Http.PutAsync($"{Path()}/a", Body("x"))).EnsureSuccessStatusCode();
        var status = await SendRawAsync(target.Replace("{e}", _execution, StringComparison.Ordinal));
        status.ShouldBeInRange(400, 405);
        (await Http.GetAsync($"{Path()}/a")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("http://localhost/executions/{e}/latest")]
    [InlineData("/executions/{e}/checkpoints/%61%2fb?namespace=")]
    public async Task RawTarget_OtherSpellings_AreTheSame(string target)
    {
        (await Http.PutAsync($"{Path()}/a%2Fb", Body("x"))).EnsureSuccessStatusCode();
        (await SendRawAsync("GET " + target.Replace("{e}", _execution, StringComparison.Ordinal))).ShouldBe(200);
    }

    /// <summary>Sends a request line as it is, which HttpClient would put in order first.</summary>
    private async Task<int> SendRawAsync(string requestLine)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(host.Address.Host, host.Address.Port);
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{requestLine} HTTP/1.1\r\nHost: {(requestLine.Contains("://localhost/", StringComparison.Ordinal) ? "localhost" : host.Address.Authority)}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var response = await reader.ReadToEndAsync();
        return int.Parse(response.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
