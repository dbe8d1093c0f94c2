using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Reading;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public abstract partial class ArchiveConformanceTests
{
    private static readonly string?[] GeneratedMetadata =
    [
        null, "{}", """{"a":1}""", """{"a":1.0,"b":"x"}""", """{"a":"1"}""", """{"a":{"b":[1,2]}}""", """{"a":{"b":[2,1]}}""", """{"a":{}}""", """{"a":[]}""",
    ];

    [Fact]
    public async Task FindAsync_GeneratedQueries_PageAsTheModelDoes()
    {
        var sut = await CreateSut();
        var random = new Random(20260301);
        string[] namespaces = ["", "a", "a ", "Z", "\uFFFD", "😀"];
        string[] nodes = ["", "plan", "act"];
        var model = new Dictionary<CheckpointKey, Checkpoint>();
        for (var i = 0; i < 400; i++)
        {
            var checkpoint = Make("e", $"{random.Next(150)}", random.Next(1, 120), namespaces[random.Next(namespaces.Length)], new string('s', random.Next(50)), GeneratedMetadata[random.Next(GeneratedMetadata.Length)])
                with
            { NodeName = nodes[random.Next(3)], ParentId = random.Next(3) == 0 ? null : $"{random.Next(4)}" };
            if (!model.TryGetValue(checkpoint.Key, out var there) || there.Sequence < checkpoint.Sequence)
            {
                model[checkpoint.Key] = checkpoint;
            }

            await CommitAsync(sut, checkpoint, Make("other", $"{i}", i + 1));
        }

        for (var round = 0; round < 400; round++)
        {
            var query = new CheckpointQuery
            {
                ExecutionId = "e",
                Namespace = random.Next(2) == 0 ? null : namespaces[random.Next(namespaces.Length)],
                ParentId = random.Next(4) == 0 ? $"{random.Next(4)}" : null,
                NodeName = random.Next(4) == 0 ? nodes[random.Next(3)] : null,
                Metadata = random.Next(3) == 0 && GeneratedMetadata[random.Next(GeneratedMetadata.Length)] is { } m ? JsonElement.Parse(m) : null,
                AfterSequence = random.Next(3) == 0 ? random.Next(-1, 120) : null,
                BeforeSequence = random.Next(3) == 0 ? random.Next(0, 130) : null,
                Limit = random.Next(1, 40),
                OldestFirst = random.Next(2) == 0,
                IncludeState = random.Next(2) == 0,
            };
            var maxBytes = random.Next(2) == 0 ? long.MaxValue : random.Next(0, 300);
            var expected = model.Values
                .Where(c => (query.Namespace is null || c.Namespace == query.Namespace)
                    && (query.ParentId is null || c.ParentId == query.ParentId)
                    && (query.NodeName is null || c.NodeName == query.NodeName)
                    && (query.Metadata is not { } f || MetadataFilter.Matches(c.Metadata, f))
                    && (query.AfterSequence is not { } a || c.Sequence > a)
                    && (query.BeforeSequence is not { } b || c.Sequence < b))
                .OrderBy(ListPosition.Of).ToList();
            if (!query.OldestFirst)
            {
                expected.Reverse();
            }

            var found = new List<Checkpoint>();
            ListPosition? after = null;
            for (var more = true; more;)
            {
                var page = await FindAsync(sut, query, after, maxBytes);
                page.Items.Count.ShouldBeLessThanOrEqualTo(query.Limit);
                (page.Items.Count <= 1 || page.Items.Sum(c => (long)c.State.Length) <= maxBytes).ShouldBeTrue();
                (page.Items.Count > 0 || !page.HasMore).ShouldBeTrue();
                found.AddRange(page.Items);
                more = page.HasMore;
                after = page.Items.Count > 0 ? ListPosition.Of(page.Items[^1]) : null;
            }

            found.Select(c => (c.Key, c.Sequence)).ShouldBe(expected.Select(c => (c.Key, c.Sequence)), $"round {round}: {query}");
            found.Select(c => c.State.Length).ShouldBe(expected.Select(c => query.IncludeState ? c.State.Length : 0));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FindAsync_PositionInAnotherNamespace_IsStillAPlaceInTheOrder(bool oldestFirst)
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1, "b"), Make("e", "2", 2, "b"), Make("e", "3", 3, "b"));
        var query = new CheckpointQuery { ExecutionId = "e", Namespace = "b", OldestFirst = oldestFirst };

        var behindA = await FindAsync(sut, query, new ListPosition(2, "a", "z"));
        var behindC = await FindAsync(sut, query, new ListPosition(2, "c", ""));

        behindA.Items.Select(c => c.Id).ShouldBe(oldestFirst ? ["2", "3"] : ["1"]);
        behindC.Items.Select(c => c.Id).ShouldBe(oldestFirst ? ["3"] : ["2", "1"]);
    }

    [Fact]
    public async Task FindAsync_ExtremeSequences_DoNotOverflow()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "low", long.MinValue), Make("e", "high", long.MaxValue));

        (await IdsAsync(sut, All("e") with { AfterSequence = long.MaxValue })).ShouldBe("");
        (await IdsAsync(sut, All("e") with { BeforeSequence = long.MinValue })).ShouldBe("");
        (await IdsAsync(sut, All("e") with { AfterSequence = long.MinValue })).ShouldBe("high");
        (await IdsAsync(sut, All("e") with { BeforeSequence = long.MaxValue })).ShouldBe("low");
    }

    [Fact]
    public async Task FindAsync_MaxBytes_EndsThePageButHoldsOne()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, [.. Enumerable.Range(1, 5).Select(i => Make("e", $"{i}", i) with { State = new byte[10_000] })]);

        var one = await FindAsync(sut, All("e"), maxBytes: 0);
        var two = await FindAsync(sut, All("e"), maxBytes: 29_999);
        var all = await FindAsync(sut, All("e"), maxBytes: 50_000);
        var withoutState = await FindAsync(sut, All("e") with { IncludeState = false }, maxBytes: 0);

        (one.Items.Count, one.HasMore).ShouldBe((1, true));
        (two.Items.Count, two.HasMore).ShouldBe((2, true));
        (all.Items.Count, all.HasMore).ShouldBe((5, false));
        (withoutState.Items.Count, withoutState.HasMore).ShouldBe((5, false));
    }

    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""", true)]
    [InlineData("""{"a":1,"b":2}""", """{"a":1}""", true)]
    [InlineData("""{"a":1}""", """{"a":1,"b":2}""", false)]
    [InlineData("""{"a":1}""", """{}""", true)]
    [InlineData(null, """{}""", false)]
    [InlineData("""{}""", """{}""", true)]
    [InlineData("""{"a":1.0}""", """{"a":1}""", true)]
    [InlineData("""{"a":100}""", """{"a":1E2}""", true)]
    [InlineData("""{"a":0}""", """{"a":-0}""", true)]
    [InlineData("""{"a":9007199254740993}""", """{"a":9007199254740992}""", false)]
    [InlineData("""{"a":0.1}""", """{"a":0.10000000000000001}""", false)]
    [InlineData("""{"a":"1"}""", """{"a":1}""", false)]
    [InlineData("""{"a":true}""", """{"a":true}""", true)]
    [InlineData("""{"a":true}""", """{"a":false}""", false)]
    [InlineData("""{"a":null}""", """{"a":null}""", true)]
    [InlineData("""{}""", """{"a":null}""", false)]
    [InlineData("""{"a":{"b":{"c":1,"d":2}}}""", """{"a":{"b":{"d":2}}}""", true)]
    [InlineData("""{"a":{"b":{"c":1}}}""", """{"a":{"b":{"c":2}}}""", false)]
    [InlineData("""{"a":{"b":1}}""", """{"a":{}}""", true)]
    [InlineData("""{"a":[]}""", """{"a":{}}""", false)]
    [InlineData("""{"a":1}""", """{"a":{}}""", false)]
    [InlineData("""{"a":null}""", """{"a":{}}""", false)]
    [InlineData("""{"a":[1,2]}""", """{"a":[1,2]}""", true)]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", false)]
    [InlineData("""{"a":[1,2]}""", """{"a":[1]}""", false)]
    [InlineData("""{"a":[1,2]}""", """{"a":1}""", false)]
    [InlineData("""{"a":[1,1]}""", """{"a":[1]}""", false)]
    [InlineData("""{"a":[]}""", """{"a":[]}""", true)]
    [InlineData("""{"a":[1]}""", """{"a":[]}""", false)]
    [InlineData("""{"a":[1.0]}""", """{"a":[1]}""", true)]
    [InlineData("""{"a":[{"x":1,"y":2}]}""", """{"a":[{"x":1}]}""", false)]
    [InlineData("""{"a":[{"x":1,"y":2}]}""", """{"a":[{"y":2.0,"x":1}]}""", true)]
    [InlineData("""{"a":["b"]}""", """{"a":{"0":"b"}}""", false)]
    [InlineData("""{"a":{"0":["b"]}}""", """{"a":{"0":["b"]}}""", true)]
    [InlineData("""{"a":[["b"]]}""", """{"a":{"0":["b"]}}""", false)]
    [InlineData("""{"a":{"-1":[1,2]}}""", """{"a":{"-1":[1,2]}}""", true)]
    [InlineData("""{"":{"":[1]}}""", """{"":{"":[1]}}""", true)]
    [InlineData("""{"it's \"q\"; DROP TABLE x; --":"'; SELECT 1; --"}""", """{"it's \"q\"; DROP TABLE x; --":"'; SELECT 1; --"}""", true)]
    [InlineData("""{"ключ 😀":"値 \uD83D\uDE00"}""", """{"\u043A\u043B\u044E\u0447 😀":"値 😀"}""", true)]
    [InlineData("""{"a":"x"}""", """{"a":"X"}""", false)]
    [InlineData("""{"a":"\u00E9"}""", """{"a":"e\u0301"}""", false)]
    [InlineData("""{"a,{b}":["{x,y}","\\"]}""", """{"a,{b}":["{x,y}","\\"]}""", true)]
    public async Task FindAsync_MetadataFilter_MeansWhatTheContractSays(string? metadata, string filter, bool matches)
    {
        MetadataFilter.Matches(metadata is null ? null : JsonElement.Parse(metadata), JsonElement.Parse(filter)).ShouldBe(matches);
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "it", 1, metadata: metadata), Make("e", "none", 2), Make("e", "far", 3, metadata: """{"far":"away"}"""));

        var ids = (await IdsAsync(sut, All("e") with { Metadata = JsonElement.Parse(filter) })).Split(',');

        ids.Contains("it").ShouldBe(matches);
        ids.Contains("none").ShouldBeFalse();
        ids.Contains("far").ShouldBe(filter == "{}");
    }

    /// <summary>However it keeps it: what comes back to Redis is known again by its content hash.</summary>
    [Fact]
    public async Task FindAsync_Metadata_AreTheSameContent()
    {
        var sut = await CreateSut();
        var random = new Random(20);
        string[] texts =
        [
            """{"source": "loop", "step": 1E2, "ü": {"bb": -0.0, "b": [1.50, {"z": 1, "aa": null, "a": "\u00fc\n\u001f\"\\\/"}]}}""",
            .. Enumerable.Range(0, 500).Select(_ => $$"""{"n{{random.Next(100)}}": {{Number()}}, "o": {"longer": {{Number()}}, "x": {{Number()}}}, "": 0}"""),
        ];
        Checkpoint[] saved = [.. texts.Select((text, i) => Make("e", $"{i}", i + 1, metadata: text))];
        await CommitAsync(sut, saved);

        var found = (await FindAsync(sut, All("e") with { OldestFirst = true })).Items;
        found.Count.ShouldBe(saved.Length);
        foreach (var (before, after) in saved.Zip(found))
        {
            CheckpointCodec.Encode(after).ContentHash.ToArray().ShouldBe(CheckpointCodec.Encode(before).ContentHash.ToArray(), $"{before.Metadata}");
        }

        string Number()
        {
            var digits = string.Concat(Enumerable.Range(0, random.Next(25)).Select(_ => random.Next(3) == 0 ? random.Next(10) : 0));
            var fraction = random.Next(2) == 0 ? "" : $".{random.NextInt64(1_000_000):D6}{new string('0', random.Next(3))}";
            var exponent = random.Next(3) == 0 ? $"{(random.Next(2) == 0 ? 'e' : 'E')}{new[] { "", "+", "-" }[random.Next(3)]}{random.Next(250)}" : "";
            return $"{(random.Next(2) == 0 ? "-" : "")}{(digits.TrimStart('0') is { Length: > 0 } whole ? whole : "0")}{fraction}{exponent}";
        }
    }

    [Fact]
    public async Task FindAsync_MetadataAtTheLimits_IsStillWithinThemWhenRead()
    {
        var sut = await CreateSut();
        string[] texts =
        [
            $$"""{"a":[{{string.Join(',', Enumerable.Repeat("1", 32_000))}}]}""",
            $$"""{"a":[{{string.Join(',', Enumerable.Repeat("1e308", 10_000))}}]}""",
            $$"""{"a":[{{string.Join(',', Enumerable.Repeat("1e9", 16_000))}}]}""",
            """{"n":[1e308,-1.5e-300,0.000000000000000000000000000000000000000000000000000000000001,12345678901234567890123456789012345678901234567890123456789e250,1000,-0,1.10,1E3,0E-324,0e+308]}""",
            $$"""{"s":"{{new string('"', 20_000).Replace("\"", "\\\"", StringComparison.Ordinal)}}","{{new string('ü', 5000)}}":" , : "}""",
        ];
        await CommitAsync(sut, [.. texts.Select((t, i) => Make("e", $"{i}", i + 1, metadata: t))]);

        var found = (await FindAsync(sut, All("e") with { OldestFirst = true })).Items;

        for (var i = 0; i < texts.Length; i++)
        {
            CheckpointLimits.Validate(found[i]);
            JsonElement.DeepEquals(found[i].Metadata!.Value, JsonElement.Parse(texts[i])).ShouldBeTrue($"text {i}");
        }

        found[3].Metadata!.Value.GetProperty("n")[4].GetInt32().ShouldBe(1000);
    }

    [Fact]
    public async Task FindExecutionsAsync_AnyPrefix_MatchesItLiterally()
    {
        var sut = await CreateSut();
        string[] executions = ["a", "a%", "a%b", "a_", "a_b", "ab", "A", "a\uFFFD", "a😀", "a😀b", "\\", "'", "z", "ä", "a ", "[a]", "a*"];
        await CommitAsync(sut, [.. executions.Select((e, i) => Make(e, "1", i + 1)), Make("a", "2", 99)]);

        foreach (var prefix in executions.Append("").Append("zz").Append("a😀bb"))
        {
            var expected = executions.Where(e => e.StartsWith(prefix, StringComparison.Ordinal)).Order(Comparer<string>.Create(ListPosition.CompareUtf8)).ToArray();
            (await sut.FindExecutionsAsync(prefix, null, 100, default)).ShouldBe(expected, $"prefix '{prefix}'");
            var paged = new List<string>();
            while (await sut.FindExecutionsAsync(prefix, paged.LastOrDefault(), 2, default) is { Count: > 0 } page)
            {
                paged.AddRange(page);
            }

            paged.ToArray().ShouldBe(expected, $"prefix '{prefix}', paged");
        }

        (await sut.FindExecutionsAsync("a", "", 1, default)).ShouldBe(["a"]);
        (await sut.FindExecutionsAsync("a_", "A", 1, default)).ShouldBe(["a_"]);
        await DeleteAsync(sut, new Tombstone("a_", null, null, 1000, false));
        (await sut.FindExecutionsAsync("a_", null, 10, default)).ShouldBe(["a_b"]);
    }

    [Fact]
    public async Task ExecutionSearch_AnyPart_MatchesItLiterallyAndPages()
    {
        var sut = await CreateSut();
        string[] executions = ["ab", "ba", "xaby", "x%y", "x_y", "aB", "é", "e\u0301", "x😀ab", "😀", "\\", "abab", "[ab]*", "z"];
        await CommitAsync(sut, [.. executions.Select((e, i) => Make(e, "1", i + 1))]);

        foreach (var (prefix, part) in from prefix in new[] { "", "x" } from part in executions.Append("no") select (prefix, part))
        {
            var expected = executions.Where(e => e.StartsWith(prefix, StringComparison.Ordinal) && e.Contains(part, StringComparison.Ordinal))
                .Order(Comparer<string>.Create(ListPosition.CompareUtf8)).ToArray();
            (await SearchAsync(sut, prefix, part, 100)).Found.ShouldBe(expected, $"'{part}' behind '{prefix}'");
            (await SearchAsync(sut, prefix, part, 1)).Found.ShouldBe(expected, $"'{part}' behind '{prefix}', paged");
        }
    }

    [Fact]
    public Task ExecutionSearch_ManyExecutions_EachPageLooksAtABoundedNumber() => SearchManyAsync(12_000);

    [Fact]
    [Trait("Category", "Long")]
    public Task ExecutionSearch_100000Executions_TakesMomentsPerPage() => SearchManyAsync(100_000);

    [Fact]
    public async Task CheckpointJson_View_ShowsJsonAndNullForTheRest()
    {
        var sut = await CreateSut();
        (string Type, byte[] State, string? Expected)[] cases =
        [
            ("application/json", """{"a": [1, "😀"]}"""u8.ToArray(), "😀"),
            ("application/vnd.x+json; charset=utf-8", """{"a":[1,"😀"]}"""u8.ToArray(), "😀"),
            ("Application/JSON ; charset=utf-8", """{"a":[1,"x"]}"""u8.ToArray(), "x"),
            ("application/json", """{"a":[1,"""u8.ToArray(), null),
            ("application/json", [], null),
            ("application/json", [0xFF, 0xFE], null),
            ("application/json", [(byte)'1', 0], null),
            ("application/octet-stream", """{"a":[1,"x"]}"""u8.ToArray(), null),
            ("text/json+x", """{"a":[1,"x"]}"""u8.ToArray(), null),
        ];
        await CommitAsync(sut, [.. cases.Select((c, i) => Make("e", $"{i}", i + 1) with { State = c.State, ContentType = c.Type })]);

        for (var i = 0; i < cases.Length; i++)
        {
            var value = await ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"SELECT {JsonPath("state")} FROM {{tables}}checkpoint_json WHERE checkpoint_id = '{i}'"));
            (value as string).ShouldBe(cases[i].Expected, $"case {i}");
        }
    }

    private async Task SearchManyAsync(int count)
    {
        var sut = await CreateSut();
        foreach (var part in Enumerable.Range(0, count).Chunk(10_000))
        {
            await CommitAsync(sut, [.. part.Select(i => Make($"run-{i:000000}", "1", i + 1))]);
        }

        var watch = Stopwatch.StartNew();
        var (found, pages) = await SearchAsync(sut, "", "999", 50);
        Console.WriteLine($"{sut.Name}: {count} executions, {found.Count} found on {pages} pages in {watch.ElapsedMilliseconds} ms");

        found.ShouldBe(Enumerable.Range(0, count).Select(i => $"run-{i:000000}").Where(id => id.Contains("999", StringComparison.Ordinal)));
        pages.ShouldBeGreaterThanOrEqualTo(count / ExecutionSearch.MaxLooks);
        (await SearchAsync(sut, "", "nobody", 50)).ShouldSatisfyAllConditions(
            none => none.Found.ShouldBeEmpty(), none => none.Pages.ShouldBe((count / ExecutionSearch.MaxLooks) + 1));
    }

    private static async Task<(IReadOnlyList<string> Found, int Pages)> SearchAsync(ICheckpointArchive sut, string prefix, string part, int limit)
    {
        var (found, pages, after) = (new List<string>(), 0, (string?)null);
        do
        {
            var hits = await ExecutionSearch.FindAsync((last, most) => sut.FindExecutionsAsync(prefix, last, most, default), part, after, limit);
            hits.Ids.Count.ShouldBeLessThanOrEqualTo(limit);
            found.AddRange(hits.Ids);
            after = hits.End;
            pages++;
        }
        while (after is not null);
        return (found, pages);
    }

    /// <summary>SQL for the second element of member "a".</summary>
    private protected abstract string JsonPath(string column);
}
