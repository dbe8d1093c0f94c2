using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Caching;

public abstract partial class CacheConformanceTests(ITestOutputHelper output)
{
    private static readonly string?[] GeneratedMetadata =
    [
        null, "{}", """{"a":1}""", """{"a":1.0,"b":"x"}""", """{"a":"1"}""", """{"a":{"b":[1,2]}}""", """{"a":{"b":[2,1]}}""", """{"a":{}}""", """{"a":[]}""",
    ];

    [Fact]
    public async Task ListAsync_GeneratedQueries_PageAsTheModelDoes()
    {
        const int Seed = 20260302;
        output.WriteLine($"Seed {Seed}");
        var sut = await CreateSut();
        var random = new Random(Seed);
        string[] namespaces = ["", "a", "a ", "Z", "\uFFFD", "😀"];
        string[] nodes = ["", "plan", "act"];
        var model = new Dictionary<CheckpointKey, Checkpoint>();
        for (var i = 0; i < 500; i++)
        {
            var checkpoint = Make("e", $"{random.Next(150)}", namespaces[random.Next(namespaces.Length)], new string('s', random.Next(50)), GeneratedMetadata[random.Next(GeneratedMetadata.Length)])
                with
            { NodeName = nodes[random.Next(3)], ParentId = random.Next(3) == 0 ? null : $"{random.Next(4)}" };
            var sequence = (long)random.Next(1, 120);
            if (random.Next(2) == 0)
            {
                sequence = (await SaveAsync(sut, checkpoint, sequence)).Sequence;
                model[checkpoint.Key] = checkpoint with { Sequence = sequence };
            }
            else if (await PutAsync(sut, checkpoint, sequence, pending: true) == CachePut.Taken)
            {
                (model.TryGetValue(checkpoint.Key, out var there) ? there.Sequence : 0).ShouldBeLessThan(sequence);
                model[checkpoint.Key] = checkpoint with { Sequence = sequence };
            }

            await SaveAsync(sut, Make("other", $"{i}"));
        }

        var paged = 0;
        for (var round = 0; round < 400; round++)
        {
            var query = new CheckpointQuery
            {
                ExecutionId = "e",
                Namespace = random.Next(2) == 0 ? null : namespaces[random.Next(namespaces.Length)],
                ParentId = random.Next(4) == 0 ? $"{random.Next(4)}" : null,
                NodeName = random.Next(4) == 0 ? nodes[random.Next(3)] : null,
                Metadata = random.Next(3) == 0 && GeneratedMetadata[random.Next(GeneratedMetadata.Length)] is { } m ? JsonElement.Parse(m) : null,
                AfterSequence = random.Next(3) == 0 ? random.Next(-1, 160) : null,
                BeforeSequence = random.Next(3) == 0 ? random.Next(0, 200) : null,
                Limit = random.Next(1, 40),
                OldestFirst = random.Next(2) == 0,
                IncludeState = random.Next(2) == 0,
            };
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

            var found = await AllPagesAsync(sut, query);
            found.Select(c => (c.Key, c.Sequence)).ShouldBe(expected.Select(c => (c.Key, c.Sequence)), $"seed {Seed}, round {round}: {query}");
            paged += found.Count > query.Limit ? 1 : 0;
        }

        paged.ShouldBeGreaterThan(50);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ListAsync_MoreThanAChunk_HasNoGap(bool oldestFirst)
    {
        var sut = await CreateSut();
        await Task.WhenAll(Enumerable.Range(1, 1500).Select(i => SaveAsync(sut, Make("e", $"{i:D4}", i % 3 == 0 ? "x" : ""), i)));

        var query = All("e") with { OldestFirst = oldestFirst, Limit = 700, Metadata = null };
        (await AllPagesAsync(sut, query)).Select(c => c.Sequence).Order().ShouldBe(
            (await sut.ListAsync(query with { Limit = 1500 }, null, default)).Select(item => item.Sequence).Order());
        (await AllPagesAsync(sut, query)).Select(c => c.Key).Distinct().Count().ShouldBe(1500);
        (await sut.ListAsync(query with { NodeName = "none" }, null, default)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ListAsync_MaxBytes_EndsThePageBeforeThem(bool includeState)
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 40; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}", state: Convert.ToBase64String(RandomNumberGenerator.GetBytes(i > 36 ? 6_000_000 : 3000))), i);
        }

        var query = All("e") with { IncludeState = includeState, OldestFirst = true };
        var (found, pages, largest) = (new List<long>(), 0, 0L);
        ListPosition? after = null;
        CachePage page;
        do
        {
            page = await sut.ListAsync(query, after, 40_000, default);
            page.Items.ShouldNotBeEmpty();
            page.Items.ShouldSatisfyAllConditions(items => (items.Count == 1 || items.Sum(item => item.Record.Length) <= 40_000).ShouldBeTrue());
            found.AddRange(page.Items.Select(item => item.Sequence));
            largest = Math.Max(largest, page.Items.Count);
            after = ListPosition.Of(CheckpointCodec.DecodeHeader(CheckpointCodec.Parse(page.Items[^1].Record), found[^1]));
            pages++;
        }
        while (page.HasMore);

        found.ShouldBe(Enumerable.Range(1, 40).Select(i => (long)i));
        (pages, largest).ShouldBe(includeState ? (8, 9L) : (1, 40L));
    }

    [Fact]
    public async Task ListAsync_EqualSequences_PageOneByOne()
    {
        var sut = await CreateSut();
        string[] ids = ["a", "Z", "😀", "\uFFFD", "b"];
        foreach (var id in ids)
        {
            await PutAsync(sut, Make("e", id, id == "b" ? "ns" : ""), 5, pending: true);
        }

        foreach (var oldestFirst in new[] { true, false })
        {
            var expected = new[] { "Z", "a", "\uFFFD", "😀", "b" };
            (await AllPagesAsync(sut, All("e") with { Limit = 1, OldestFirst = oldestFirst })).Select(c => c.Id).ShouldBe(oldestFirst ? expected : expected.Reverse());
        }

        (await sut.ListAsync(All("e"), new ListPosition(5, "a namespace before", "z"), default)).Count.ShouldBe(4);
        (await sut.ListAsync(All("e"), new ListPosition(4, "", "z"), default)).ShouldBeEmpty();
        (await sut.ListAsync(All("e") with { OldestFirst = true }, new ListPosition(4, "", "z"), default)).Count.ShouldBe(5);
    }

    [Theory]
    [InlineData("""{"user":"o'neil \"x\""}""", "1")]
    [InlineData("""{"x'] or redis.call(\"FLUSHALL\") --":1}""", "2")]
    [InlineData("""{"user":"'; DROP TABLE checkpoints; --"}""", "3")]
    [InlineData("""{"step":2}""", "3,2")]
    [InlineData("""{"step":2.0,"user":"'; DROP TABLE checkpoints; --"}""", "3")]
    [InlineData("""{"n":{"a":{"b":true}}}""", "4")]
    [InlineData("""{"n":{}}""", "5,4")]
    [InlineData("""{"n":{"c":null}}""", "5")]
    [InlineData("""{"tags":["a","b"]}""", "6")]
    [InlineData("""{"tags":["a"]}""", "")]
    [InlineData("""{"unknown":1}""", "")]
    [InlineData("""{"user":null}""", "")]
    [InlineData("{}", "6,5,4,3,2,1")]
    public async Task ListAsync_Metadata_MatchesByMember(string filter, string expected)
    {
        var sut = await CreateSut();
        string?[] metadata =
        [
            """{"user":"o'neil \"x\"","step":1}""", """{"x'] or redis.call(\"FLUSHALL\") --":1,"step":2}""", """{"user":"'; DROP TABLE checkpoints; --","step":2}""",
            """{"n":{"a":{"b":true,"x":1},"y":2}}""", """{"n":{"c":null}}""", """{"tags":["a","b"]}""", null,
        ];
        for (var i = 0; i < metadata.Length; i++)
        {
            await SaveAsync(sut, Make("e", $"{i + 1}", metadata: metadata[i]), i + 1);
        }

        (await IdsAsync(sut, All("e") with { Metadata = JsonElement.Parse(filter) })).ShouldBe(expected);
    }

    [Fact]
    public async Task ListAsync_ParentAndNode_MatchExactly()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1") with { NodeName = "plan" }, 1);
        await SaveAsync(sut, Make("e", "2") with { NodeName = "act", ParentId = "1" }, 2);
        await SaveAsync(sut, Make("e", "3") with { NodeName = "act", ParentId = "2" }, 3);
        await SaveAsync(sut, Make("e", "4") with { ParentId = "1" }, 4);

        (await IdsAsync(sut, All("e") with { ParentId = "1" })).ShouldBe("4,2");
        (await IdsAsync(sut, All("e") with { NodeName = "act" })).ShouldBe("3,2");
        (await IdsAsync(sut, All("e") with { NodeName = "act", ParentId = "1" })).ShouldBe("2");
        (await IdsAsync(sut, All("e") with { NodeName = "" })).ShouldBe("4");
        (await IdsAsync(sut, All("e") with { ParentId = "9" })).ShouldBe("");
    }

    [Fact]
    public async Task ListExecutionsAsync_Prefixes_PageInByteOrder()
    {
        var sut = await CreateSut();
        string[] names = ["A", "a", "a_", "a_b", "ab", "b", "\uFFFD", "😀", "😀x"];
        foreach (var name in names.Concat(Enumerable.Range(0, 300).Select(i => $"n{i:D3}")))
        {
            await SaveAsync(sut, Make(name, "1"));
        }

        (await sut.ListExecutionsAsync("a", null, 10, default)).ShouldBe(["a", "a_", "a_b", "ab"]);
        (await sut.ListExecutionsAsync("a", "a_", 10, default)).ShouldBe(["a_b", "ab"]);
        (await sut.ListExecutionsAsync("a_", "A", 1, default)).ShouldBe(["a_"]);
        (await sut.ListExecutionsAsync("a", "b", 10, default)).ShouldBeEmpty();
        (await sut.ListExecutionsAsync("", "n299", 10, default)).ShouldBe(["\uFFFD", "😀", "😀x"]);
        (await sut.ListExecutionsAsync("zzz", null, 10, default)).ShouldBeEmpty();
        var found = new List<string>();
        for (string? after = null; await sut.ListExecutionsAsync("n", after, 70, default) is { Count: > 0 } page; after = page[^1])
        {
            found.AddRange(page);
        }

        found.ShouldBe(Enumerable.Range(0, 300).Select(i => $"n{i:D3}"));
    }

    private static async Task<List<Checkpoint>> AllPagesAsync(ICheckpointCache sut, CheckpointQuery query)
    {
        var found = new List<Checkpoint>();
        ListPosition? after = null;
        while (true)
        {
            var page = await sut.ListAsync(query, after, default);
            page.Count.ShouldBeLessThanOrEqualTo(query.Limit);
            foreach (var item in page)
            {
                var fields = CheckpointCodec.Parse(item.Record);
                fields.State.IsEmpty.ShouldBe(!query.IncludeState || fields.StateSize == 0);
                found.Add(CheckpointCodec.DecodeHeader(fields, item.Sequence));
            }

            if (page.Count < query.Limit)
            {
                return found;
            }

            after = ListPosition.Of(found[^1]);
        }
    }
}
