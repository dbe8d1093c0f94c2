using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Google.Protobuf;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Dashboard;

/// <summary>One browser, and one worker process with 100,000 executions, some of them peculiar.</summary>
public sealed class DashboardHost : IAsyncLifetime
{
    public const int BulkExecutions = 100_000;

    private Chromium? _chromium;

    internal JobWorker Worker { get; } = new(batchSize: 5);

    internal Chromium Chromium => _chromium!;

    internal static string BulkId(int i) => $"bulk-{i:000000}";

    public async Task InitializeAsync()
    {
        Worker["Worker__SampleInterval"] = "00:00:00.500";
        await using (var archive = Worker.OpenArchive())
        {
            await FillAsync(archive);
        }

        _chromium = await Chromium.StartAsync();
        await Worker.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (_chromium is not null)
        {
            await _chromium.DisposeAsync();
        }

        await Worker.DisposeAsync();
    }

    /// <summary>
    /// Opens a page in a browser with nothing stored, looks at it, and makes sure that it had no error and asked nobody
    /// but its own worker.
    /// </summary>
    /// <param name="path">The page.</param>
    /// <param name="look">What to look at.</param>
    /// <param name="width">The window's width.</param>
    /// <param name="colors">Light or dark.</param>
    /// <param name="address">Another worker.</param>
    /// <param name="expectedStatus">Of an answer that the test is about; the browser writes it to the console.</param>
    internal async Task LookAsync(
        string path, Func<IPage, Task> look, int width = 1280, ColorScheme colors = ColorScheme.Light, Uri? address = null, params int[] expectedStatus)
    {
        var origin = address ?? Worker.Http.BaseAddress!;
        await using var context = await Chromium.OpenAsync(origin, width, colors: colors);
        var page = await context.NewPageAsync();
        var problems = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" && !expectedStatus.Any(status => message.Text.Contains($"status of {status} ", StringComparison.Ordinal)))
            {
                problems.Add($"{message.Text} ({message.Location})");
            }
        };
        page.PageError += (_, error) => problems.Add(error);
        page.Dialog += (_, dialog) => problems.Add($"A script of somebody else's runs: {dialog.Message}");
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(origin.ToString(), StringComparison.Ordinal) && !request.Url.StartsWith($"blob:{origin}", StringComparison.Ordinal))
            {
                problems.Add($"It asks {request.Url}");
            }
        };
        await page.GotoAsync(path);
        await look(page);
        problems.ShouldBeEmpty();
    }

    private static async Task FillAsync(SqliteArchive archive)
    {
        await archive.MigrateAsync(default);
        var one = "{\"step\":1}"u8.ToArray();
        foreach (var part in Enumerable.Range(0, BulkExecutions).Chunk(10_000))
        {
            await CommitAsync(archive, part.Select(i => Make(BulkId(i), "c", null, "node", one, 1_000 + i)));
        }

        long sequence = 10_000_000;
        await CommitAsync(
            archive,
            [
                Forked("a", null, "plan", """{"b":1,"big":12345678901234567890,"list":[1,2]}"""),
                Forked("b", "a", "search", """{"b":1,"big":12345678901234567890,"list":[1,2,3],"query":"trams"}"""),
                Forked("c", "b", "draft", """{"list":[1,2,3],"b":2,"big":12345678901234567891}"""),
                Forked("d", "b", "review", "\"a text\""),
                Forked("text", null, "note", "first line\nsecond <b>line</b>", "text/plain"),
                Make("forked", "bytes", null, "blob", [0, 1, 2, 0xff, 0x41], sequence++) with { ContentType = "application/octet-stream" },
            ]);
        await CommitAsync(
            archive,
            Enumerable.Range(0, 2).Select(i => Make("numbered", $"n-{i}", i == 0 ? null : "n-0", "node", one, sequence++) with
            {
                Version = long.MaxValue - i,
                Metadata = JsonElement.Parse($$"""{"userId":{{1234567890123456789 + i}}}"""),
            }));
        foreach (var id in Hostile)
        {
            await CommitAsync(archive, [Make(id, id, null, id, Encoding.UTF8.GetBytes($"{{\"from\":\"{Convert.ToHexString(Encoding.UTF8.GetBytes(id))}\"}}"), sequence++)]);
        }

        await CommitAsync(archive, Enumerable.Range(0, 6).Select(i => Make("doomed", $"c-{i}", i == 0 ? null : $"c-{i - 1}", "work", one, sequence++)));
        await CommitAsync(archive, Enumerable.Range(0, 450).Select(i => Make("long", $"c-{i:000}", i == 0 ? null : $"c-{i - 1:000}", "work", one, sequence++)));
        var save = new SaveCheckpoint
        {
            Sequence = 5,
            Record = ByteString.CopyFrom(CheckpointCodec.Encode(Make("revived", "c", null, "node", one, 5)).Record.Span),
            Cached = true,
        };
        await archive.CommitAsync(
            new ArchiveBatch(
                [],
                [
                    new("good", "It was too large", CommandReader.SaveContentType, save.ToByteArray(), "revived"),
                    new("bad", "Not readable <img src=x onerror=alert(1)>", "text/plain", "hello <b>there</b>"u8.ToArray(), null),
                    new("worse", "Not readable at all", "text/plain", "bye"u8.ToArray(), null),
                ]),
            default);

        Checkpoint Forked(string id, string? parent, string node, string state, string type = "application/json") =>
            Make("forked", id, parent, node, Encoding.UTF8.GetBytes(state), sequence++) with { ContentType = type };
    }

    /// <summary>Ids that would break a page which takes them for anything but text.</summary>
    internal static IReadOnlyList<string> Hostile { get; } =
    [
        "x-<script>alert(1)</script>", "x-\"quoted\" 'id'", "x-{braces}[0]&amp;", "x-\u202Edesrever\u2066", "x-a/b?c=d#e%2F", "..", "x-日本 😀", "x-" + new string('W', 254),
    ];

    private static Checkpoint Make(string execution, string id, string? parent, string node, byte[] state, long sequence) => new()
    {
        ExecutionId = execution,
        Id = id,
        ParentId = parent,
        NodeName = node,
        Sequence = sequence,
        State = state,
        ContentType = "application/json",
        CreatedAt = DateTimeOffset.UnixEpoch.AddSeconds(sequence),
    };

    private static Task<ArchiveCommit> CommitAsync(SqliteArchive archive, IEnumerable<Checkpoint> checkpoints) => archive.CommitAsync(
        new ArchiveBatch([new ArchiveCommand(null, [.. checkpoints.Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false))], [])], []), default);
}

[CollectionDefinition(Name)]
public sealed class DashboardTestGroup : ICollectionFixture<DashboardHost>
{
    public const string Name = "Dashboard";
}
