using System.Text.Json;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Dashboard;

/// <summary>The dashboard's own algorithms, in the browser that runs them.</summary>
[Collection(DashboardTestGroup.Name)]
public sealed class ScriptTests(DashboardHost host)
{
    [Fact]
    public Task Difference_OfAnyTwoTexts_LeadsFromOneToTheOther() => host.LookAsync("/#/audit", async page =>
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var before = Lines(random);
            var after = i % 3 == 0 ? Lines(random) : [.. before.Where(_ => random.Next(4) > 0).SelectMany(line => random.Next(4) == 0 ? new[] { line, "new" } : [line])];
            var pairs = await page.EvaluateAsync<JsonElement>("async ([a, b]) => (await import('/dashboard/diff.js')).difference(a, b)", new[] { before, after });
            var difference = pairs.EnumerateArray().Select(pair => (Sign: pair[0].GetString()!, Line: pair[1].GetString()!)).ToList();
            difference.Where(part => part.Sign != "+").Select(part => part.Line).ShouldBe(before);
            difference.Where(part => part.Sign != "-").Select(part => part.Line).ShouldBe(after);
            if (before.SequenceEqual(after))
            {
                difference.ShouldAllBe(part => part.Sign == " ");
            }
        }
    });

    [Fact]
    public Task Difference_OfLargeTexts_EndsSoon() => host.LookAsync("/#/audit", async page =>
    {
        var parts = await page.EvaluateAsync<int>(
            """
            async () => {
              const { difference } = await import('/dashboard/diff.js');
              const a = Array.from({ length: 20000 }, (_, i) => `a${i * 7 % 13}`);
              const b = Array.from({ length: 20000 }, (_, i) => `b${i * 5 % 11}`);
              return difference(a, b).length;
            }
            """);
        parts.ShouldBe(40_000);
    });

    [Theory]
    [InlineData("""{"a":1.0,"a":12345678901234567890,"b":[],"c":{},"d":[1,{"e":"x,\"}"}],"f":null,"g":"\u0041"}""")]
    [InlineData(""" [ 1e999 , -0.0, true,false ] """)]
    [InlineData("\"only a text\"")]
    public Task Json_Formatted_KeepsEveryDigitAndMember(string json) => host.LookAsync("/#/audit", async page =>
    {
        var formatted = await page.EvaluateAsync<string>(
            "async text => { const { parse, lines, plain } = await import('/dashboard/json.js'); return lines(parse(text)).map(plain).join(''); }", json);
        WithoutSpace(formatted).ShouldBe(WithoutSpace(json));
    });

    [Fact]
    public Task Json_Written_HasRawTextsAsTheyAre() => host.LookAsync("/#/audit", async page =>
        (await page.EvaluateAsync<string>(
            """
            async () => {
              const { raw, write } = await import('/dashboard/json.js');
              return write({ a: raw('{"n":12345678901234567890.10}'), b: [raw('1e999'), 'x"', null, true, { c: 1.5 }], d: undefined });
            }
            """)).ShouldBe("""{"a":{"n":12345678901234567890.10},"b":[1e999,"x\"",null,true,{"c":1.5}]}"""));

    [Fact]
    public Task Json_LargeText_IsOneToken() => host.LookAsync("/#/audit", async page =>
        (await page.EvaluateAsync<int>(
            """
            async () => {
              const { parse, members } = await import('/dashboard/json.js');
              return members(parse(`{"version":1,"state":"${'A'.repeat(30_000_000)}"}`)).get('state').text.length;
            }
            """)).ShouldBe(30_000_002));

    [Theory]
    [InlineData(100_000)]
    [InlineData(1_000)]
    public Task DiffView_NothingInCommon_ShowsTheFirstLines(int count) => host.LookAsync("/#/audit", async page =>
    {
        var shown = await page.EvaluateAsync<JsonElement>(
            """
            async count => {
              const { diffView } = await import('/dashboard/state.js');
              const of = letter => new TextEncoder().encode(Array.from({ length: count }, (_, i) => letter + i).join('\n'));
              const view = diffView(of('a'), of('b'));
              return { hint: view.querySelector('.hint').textContent, rows: view.querySelectorAll('.row').length };
            }
            """,
            count);
        shown.GetProperty("rows").GetInt32().ShouldBe(Math.Min(2 * count, 4000));
        shown.GetProperty("hint").GetString().ShouldBe(
            count == 1_000 ? "1,000 added, 1,000 removed" : "100,000 added, 100,000 removed; the first 4,000 of 200,000 lines, download both for the rest");
    });

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{'a':1}")]
    [InlineData("[1,]")]
    [InlineData("plain text")]
    public Task Json_WhatIsNone_IsNotTakenForIt(string text) => host.LookAsync("/#/audit", async page =>
        (await page.EvaluateAsync<bool>("async text => (await import('/dashboard/json.js')).parse(text) === null", text)).ShouldBeTrue());

    [Fact]
    public Task Json_Deep_IsShownAsText() => host.LookAsync("/#/audit", async page =>
        (await page.EvaluateAsync<string>(
            "async () => { const { read } = await import('/dashboard/state.js'); return read(new TextEncoder().encode('['.repeat(100000) + ']'.repeat(100000))).kind; }"))
            .ShouldBeOneOf("text", "JSON"));

    private static string[] Lines(Random random) => [.. Enumerable.Range(0, random.Next(30)).Select(_ => $"line {random.Next(6)}")];

    private static string WithoutSpace(string text) => text.Replace(" ", "", StringComparison.Ordinal);
}
