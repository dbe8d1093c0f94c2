using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public abstract partial class ApiTests
{
    [Theory]
    [InlineData("", "f,e,d,c,b,a")]
    [InlineData("order=oldest", "a,b,c,d,e,f")]
    [InlineData("node=even", "f,d,b")]
    [InlineData("parentId=b", "c")]
    [InlineData("metadata={%22n%22:3}", "c")]
    [InlineData("metadata={%22odd%22:{%22is%22:true}}", "e,c,a")]
    [InlineData("metadata={%22n%22:99}", "")]
    [InlineData("namespace=other", "z")]
    [InlineData("allNamespaces=true", "z,f,e,d,c,b,a")]
    [InlineData("afterSequence={c}", "f,e,d")]
    [InlineData("beforeSequence={c}", "b,a")]
    [InlineData("afterSequence={b}&beforeSequence={e}&order=oldest", "c,d")]
    public async Task List_Filters_AndPagesWithoutGapOrRepeat(string query, string expected)
    {
        var sequences = await FillAsync();
        foreach (var (id, sequence) in sequences)
        {
            query = query.Replace($"{{{id}}}", $"{sequence}", StringComparison.Ordinal);
        }

        foreach (var limit in new[] { 1, 2, 100 })
        {
            var ids = new List<string>();
            string? token = null;
            do
            {
                var next = token is null ? "" : $"&continuationToken={Uri.EscapeDataString(token)}";
                var page = await Http.GetFromJsonAsync<JsonElement>($"{Path()}?limit={limit}&{query}{next}");
                ids.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString()!));
                token = page.GetProperty("continuationToken").GetString();
            }
            while (token is not null);
            string.Join(',', ids).ShouldBe(expected);
        }
    }

    [Fact]
    public async Task List_States_OnlyWhenAskedFor()
    {
        using var saved = await SaveAsync("?id=a&node=plan&version=3&createdAt=2026-01-02T03:04:05.678901Z", [1, 2, 255], "a/b", """{"k":[1]}""");
        var item = (await Http.GetFromJsonAsync<JsonElement>(Path())).GetProperty("items")[0];
        item.TryGetProperty("state", out _).ShouldBeFalse();
        item.GetProperty("parentId").ValueKind.ShouldBe(JsonValueKind.Null);
        item.GetProperty("node").GetString().ShouldBe("plan");
        item.GetProperty("version").GetInt64().ShouldBe(3);
        item.GetProperty("contentType").GetString().ShouldBe("a/b");
        item.GetProperty("createdAt").GetDateTimeOffset().ShouldBe(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddMicroseconds(678901));
        item.GetProperty("metadata").GetProperty("k")[0].GetInt32().ShouldBe(1);
        item = (await Http.GetFromJsonAsync<JsonElement>($"{Path()}?includeState=true")).GetProperty("items")[0];
        item.GetProperty("state").GetBytesFromBase64().ShouldBe([1, 2, 255]);
    }

    [Fact]
    public async Task List_LargeStates_PagesEndByBytes()
    {
        for (var i = 1; i <= 5; i++)
        {
            (await Http.PutAsync($"{Path()}/{i}", new ByteArrayContent(new byte[6 * 1024 * 1024]))).EnsureSuccessStatusCode();
        }

        var (ids, counts, token) = (new List<string>(), new List<int>(), "");
        do
        {
            var page = await Http.GetFromJsonAsync<JsonElement>($"{Path()}?includeState=true&order=oldest&limit=1000{token}");
            ids.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            counts.Add(page.GetProperty("items").GetArrayLength());
            token = page.GetProperty("continuationToken").GetString() is { } next ? $"&continuationToken={Uri.EscapeDataString(next)}" : null;
        }
        while (token is not null);

        ids.ShouldBe(["1", "2", "3", "4", "5"]);
        counts.Max().ShouldBe(2);
        var newest = await Http.GetFromJsonAsync<JsonElement>($"{Path()}?includeState=true&limit=1000");
        newest.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()).ShouldBe(["5", "4"]);
        (await Http.GetFromJsonAsync<JsonElement>(Path())).GetProperty("items").GetArrayLength().ShouldBe(5);
    }

    [Fact]
    public async Task List_UnknownExecution_IsAnEmptyPage()
    {
        var page = await Http.GetFromJsonAsync<JsonElement>(Path());
        page.GetProperty("items").GetArrayLength().ShouldBe(0);
        page.GetProperty("continuationToken").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task ListExecutions_ByPrefix_Pages()
    {
        foreach (var i in new[] { 3, 1, 2 })
        {
            (await Http.PutAsync($"{Path($"{_execution}/{i}")}/a", Body("x"))).StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        var prefix = $"/executions?prefix={Uri.EscapeDataString($"{_execution}/")}";
        var first = await Http.GetFromJsonAsync<JsonElement>($"{prefix}&limit=2");
        var token = Uri.EscapeDataString(first.GetProperty("continuationToken").GetString()!);
        var second = await Http.GetFromJsonAsync<JsonElement>($"{prefix}&limit=2&continuationToken={token}");
        first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray()).Select(e => e.GetString())
            .ShouldBe([$"{_execution}/1", $"{_execution}/2", $"{_execution}/3"]);
    }

    [Fact]
    public async Task ListExecutions_ByPart_Pages()
    {
        foreach (var name in new[] { "left-x-right", "x", "right", "y%x_z", "X" })
        {
            (await Http.PutAsync($"{Path($"{_execution}/{name}")}/a", Body("x"))).StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        (await FindAsync($"prefix={Uri.EscapeDataString($"{_execution}/")}&contains=x", 1)).ShouldBe(["left-x-right", "x", "y%x_z"]);
        (await FindAsync($"contains={Uri.EscapeDataString($"{_execution}/y%x")}", 10)).ShouldBe(["y%x_z"]);
        (await FindAsync($"contains={Uri.EscapeDataString($"{_execution}/nobody")}", 10)).ShouldBeEmpty();
        (await FindAsync($"prefix={Uri.EscapeDataString($"{_execution}/")}&contains=", 10)).Count.ShouldBe(5);

        async Task<List<string>> FindAsync(string query, int limit)
        {
            var found = new List<string>();
            for (var token = ""; token is not null;)
            {
                var page = await Http.GetFromJsonAsync<JsonElement>($"/executions?{query}&limit={limit}{(token.Length > 0 ? $"&continuationToken={Uri.EscapeDataString(token)}" : "")}");
                page.GetProperty("items").GetArrayLength().ShouldBeLessThanOrEqualTo(limit);
                found.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetString()![(_execution.Length + 1)..]));
                token = page.GetProperty("continuationToken").GetString();
            }

            return found;
        }
    }

    private async Task<Dictionary<string, long>> FillAsync()
    {
        var sequences = new Dictionary<string, long>();
        string? parent = null;
        foreach (var (id, i) in "abcdef".Select((c, i) => ($"{c}", i)))
        {
            var query = $"?id={id}&node={(i % 2 == 0 ? "odd" : "even")}{(parent is null ? "" : $"&parentId={parent}")}";
            using var saved = await SaveAsync(query, [(byte)i], "a/b", $$"""{"n":{{i + 1}},"odd":{"is":{{(i % 2 == 0 ? "true" : "false")}} } }""");
            sequences[id] = (await JsonAsync(saved)).GetProperty("sequence").GetInt64();
            parent = id;
        }

        (await Http.PutAsync($"{Path()}/z?namespace=other", Body("z"))).EnsureSuccessStatusCode();
        return sequences;
    }
}
