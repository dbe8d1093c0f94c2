using System.Globalization;
using System.Text;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>
/// Makes bad requests from a seed: a good request of a random endpoint with one thing wrong in it, whatever else is
/// random about it.
/// </summary>
internal sealed class BadRequests(int seed, string host)
{
    private const string Checkpoints = "/executions/e/checkpoints";

    // Health, metrics and the document take any query.
    private static readonly Endpoint[] Endpoints =
    [
        new("GET", "/executions", "prefix=text contains=text limit=limit continuationToken=id"),
        new("DELETE", "/executions/{execution}", "durability=word"),
        new("GET", "/executions/{execution}/latest", "namespace=text format=word"),
        new("HEAD", "/executions/{execution}/latest", "namespace=text format=word"),
        new("POST", "/executions/{execution}/checkpoints", "namespace=text id=id parentId=id node=text version=number createdAt=time metadata=json durability=word expectedLatestId=text strict=flag"),
        new("PUT", "/executions/{execution}/checkpoints/{id}", "namespace=text parentId=id node=text version=number createdAt=time metadata=json durability=word expectedLatestId=text strict=flag"),
        new("GET", "/executions/{execution}/checkpoints", "namespace=text allNamespaces=flag parentId=id node=text metadata=json afterSequence=number beforeSequence=number limit=limit order=word includeState=flag continuationToken=token"),
        new("GET", "/executions/{execution}/checkpoints/{id}", "namespace=text format=word"),
        new("HEAD", "/executions/{execution}/checkpoints/{id}", "namespace=text"),
        new("DELETE", "/executions/{execution}/checkpoints/{id}", "namespace=text durability=word"),
        new("POST", "/executions/{execution}/checkpoints/{id}/fork", "to=id namespace=text durability=word strict=flag"),
        new("POST", "/jobs", ""),
        new("GET", "/jobs", "state=word kind=word limit=limit continuationToken=id"),
        new("GET", "/jobs/{id}", ""),
        new("GET", "/jobs/{id}/findings", "limit=limit continuationToken=number"),
        new("POST", "/jobs/{id}/cancel", ""),
        new("GET", "/dead-letters", "limit=limit continuationToken=number"),
        new("GET", "/dead-letters/{id}", ""),
        new("POST", "/dead-letters/{id}/retry", ""),
        new("DELETE", "/dead-letters/{id}", ""),
        new("GET", "/stats", ""),
        new("GET", "/stats/history", "after=time"),
        new("GET", "/audit", "limit=limit continuationToken=number"),
        new("GET", "/export", "execution=id executionPrefix=text namespace=text node=text metadata=json savedFrom=time savedBefore=time gzip=flag"),
        new("GET", "/health/live", null),
        new("HEAD", "/health/live", null),
        new("GET", "/health/ready", null),
        new("HEAD", "/health/ready", null),
        new("GET", "/metrics", null),
        new("GET", "/openapi.json", null),
    ];

    private static readonly string[] Kinds = ["backfill", "dead-letter-discard", "dead-letter-retry", "erase", "export", "replay", "retention", "verify"];

    private static readonly string[] GoodJobs =
    [
        """{"kind":"verify"}""",
        """{"kind":"verify","arguments":{"executionPrefix":"x"},"itemsPerSecond":5,"priority":1}""",
        """{"kind":"export","arguments":{"path":"x.jsonl","node":"a"}}""",
        """{"kind":"retention","arguments":{"rules":[{"executions":"*","keepLast":3}],"dryRun":true}}""",
        """{"kind":"dead-letter-retry","arguments":{"ids":[1,2]}}""",
        """{"kind":"erase","arguments":{"executions":"nobody-*","dryRun":true}}""",
    ];

    private readonly Random _random = new(seed);

    private sealed record Endpoint(string Method, string Pattern, string? Query)
    {
        public string Name => $"{Method} {Pattern}";

        public string Path { get; } = Pattern
            .Replace("{execution}", Pattern.EndsWith("{execution}", StringComparison.Ordinal) ? "e-gone" : "e", StringComparison.Ordinal)
            .Replace("{id}", Pattern[1] == 'j' ? "none" : Pattern[1] == 'd' ? "999999" : Method == "DELETE" ? "c-gone" : "c", StringComparison.Ordinal);

        public (string Name, string Kind)[] Parameters { get; } = [.. (Query ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => (p.Split('=')[0], p.Split('=')[1]))];
    }

    /// <summary>So many; the first of them go through every endpoint, parameter and kind of job.</summary>
    /// <param name="count">How many.</param>
    public IEnumerable<BadRequest> Take(int count) => Each().Concat(Enumerable.Range(0, count).Select(_ => Make())).Take(count);

    private IEnumerable<BadRequest> Each()
    {
        foreach (var endpoint in Endpoints)
        {
            yield return AnotherHost(endpoint.Method, endpoint.Path) with { Aim = endpoint.Name };
            if (endpoint.Query is not null)
            {
                yield return Request("unknown parameter", endpoint.Method, $"{endpoint.Path}?{Text(8)}z=1") with { Aim = endpoint.Name };
            }

            foreach (var (name, kind) in endpoint.Parameters)
            {
                yield return Request($"bad {kind}", endpoint.Method, $"{endpoint.Path}?{name}={Bad(kind)}") with { Aim = $"{endpoint.Name}?{name}" };
            }
        }

        foreach (var kind in Kinds)
        {
            yield return Request("bad arguments", "POST", "/jobs", "Content-Type: application/json", Encoding.UTF8.GetBytes(BadJobOf(kind))) with { Aim = $"job {kind}" };
        }
    }

    private BadRequest Make() => _random.Next(20) switch
    {
        < 6 => BadQuery(),
        < 9 => BadPath(),
        < 11 => BadMethod(),
        < 13 => BadHeader(),
        < 17 => BadJob(),
        < 18 => BadBody(),
        _ => BadProtocol(),
    };

    private BadRequest BadQuery()
    {
        var endpoint = Pick(Endpoints.Where(endpoint => endpoint.Query is not null).ToArray());
        var (what, query) = _random.Next(6) switch
        {
            0 => ("unknown parameter", $"{Text(8)}z={Uri.EscapeDataString(Text(8))}"),
            1 when endpoint.Parameters.Length > 0 && Pick(endpoint.Parameters) is var p => ("parameter twice", $"{p.Name}={Good(p.Kind)}&{p.Name}={Good(p.Kind)}"),
            2 when endpoint.Parameters.Length > 0 => ("parameter without '='", Pick(endpoint.Parameters).Name),
            _ when endpoint.Parameters.Length > 0 && Pick(endpoint.Parameters) is var p => ($"bad {p.Kind}", $"{p.Name}={Bad(p.Kind)}"),
            _ => ("bad encoding", Pick("%", "%4", "%zz=1", "a=%C3", "%FF=1")),
        };
        return Request(what, endpoint.Method, $"{endpoint.Path}?{query}");
    }

    private BadRequest BadPath()
    {
        var endpoint = Pick(Endpoints.Where(endpoint => endpoint.Path.Contains("/e/", StringComparison.Ordinal)).ToArray());
        var segment = Pick(
            ".", "..", "%2E", "%2e%2E", ".%2e", "", "%", "%1", "%GG", "%FF", "%C0%AE", "%ED%A0%80", "%01", "%7F", "%C2%85", new string('x', 257), Repeat("%C3%A9", 300), "%0A", "%0D%0A");
        return _random.Next(5) switch
        {
            4 => Request("bad number", Pick("GET", "DELETE"), $"/dead-letters/{Pick("x", "-1", "1.5", "+1", "%201", "0x1", "99999999999999999999")}"),
            0 => Request("no such path", endpoint.Method, $"/{Text(8)}/{Text(8)}"),
            1 => Request("a segment too many", endpoint.Method, $"{Checkpoints}/c/fork/{Text(4)}"),
            2 => Request("a slash too many", endpoint.Method, Pick($"{endpoint.Path}/", $"/{endpoint.Path}", endpoint.Path.Replace("/e/", "//e/", StringComparison.Ordinal))),
            _ => Request($"bad segment '{segment[..Math.Min(12, segment.Length)]}'", endpoint.Method, endpoint.Path.Replace("/e/", $"/{segment}/", StringComparison.Ordinal)),
        };
    }

    private BadRequest BadMethod()
    {
        var path = Pick(Endpoints).Path;
        return Request("no such method", Pick("PATCH", "TRACE", "OPTIONS", "PROPFIND", $"X{Text(6).ToUpperInvariant()}"), path);
    }

    private BadRequest BadHeader()
    {
        var save = Pick(("POST", Checkpoints), ("PUT", $"{Checkpoints}/c"));
        var header = _random.Next(5) switch
        {
            0 => $"Checkpoint-Metadata: {Pick("", "{", "[]", "1", "null", "\"x\"", "{\"a\":1,\"a\":2}", "{\"a\":\"\\ud800\"}", "{\"a\":1e999}", "{'a':1}", Nested(40), $"{{\"a\":\"{new string('x', 70_000)}\"}}", Text(20))}",
            1 => "Checkpoint-Metadata: {}\r\nCheckpoint-Metadata: {}",
            2 => $"Content-Encoding: {Pick("gzip", "br", "deflate", "gzip, identity", Text(5))}",
            3 => $"Content-Type: {Pick(new string('x', 257), "a/b\u00c2\u0085")}",
            _ => $"Origin: {Pick("http://evil.example", "null", "http://localhost", $"https://{host}", Text(9))}",
        };
        return _random.Next(4) == 0 ? AnotherHost(save.Item1, save.Item2) : Request("bad header", save.Item1, save.Item2, header);
    }

    private BadRequest AnotherHost(string method, string path) =>
        Request("another host", method, path, hostHeader: Pick("evil.example", "localhost.evil.example", "192.0.2.7", "[2001:db8::1]:80", $"{Text(5)}.example"));

    private BadRequest BadJob()
    {
        var good = Pick(GoodJobs);
        var type = "application/json";
        var (what, body) = _random.Next(8) switch
        {
            0 => ("cut JSON", good[.._random.Next(good.Length)]),
            1 when _random.Next(3) == 0 => ("member twice", good.Replace("\"kind\":", "\"kind\":\"verify\",\"kind\":", StringComparison.Ordinal)),
            1 => ("unknown member", good.Replace("{\"kind\"", $"{{\"{Text(6)}x\":{_random.Next(9)},\"kind\"", StringComparison.Ordinal)),
            2 => ("unknown kind", good.Replace("\"kind\":\"", "\"kind\":\"x", StringComparison.Ordinal)),
            3 => ("wrong type", good.Replace("\"kind\":\"", $"\"{Pick("priority", "itemsPerSecond", "maxAttempts", "scheduledAt", "arguments", "uniqueKey")}\":{Pick("[]", "true", "\"x\"x", "{]", "1e400")},\"kind\":\"", StringComparison.Ordinal)),
            4 => ("out of bounds", good.Replace("\"kind\":\"", $"\"{Pick("priority", "itemsPerSecond", "maxAttempts")}\":{Pick("-99999", "1000001", "99999999999", "1.5", "\"1\"")},\"kind\":\"", StringComparison.Ordinal)),
            5 => ("bad arguments", BadJobOf(Pick(Kinds))),
            6 => ("bytes", Text(_random.Next(1, 200))),
            _ => ("not JSON", good),
        };
        type = what == "not JSON" ? Pick("text/plain", "application/xml", "application/jsonp", "json", "*/*") : type;
        return Request(what, "POST", "/jobs", $"Content-Type: {type}", Encoding.UTF8.GetBytes(body));
    }

    private string BadJobOf(string kind) => $$"""{"kind":"{{kind}}","arguments":{{BadArguments()}}}""";

    private string BadArguments() => Pick(
        "[]", "1", "\"x\"", "{\"nonsense\":1}", "{\"execution\":1}", "{\"execution\":\"\"}", "{\"execution\":\"a\",\"executionPrefix\":\"a\"}", "{\"node\":\"\\u0000\"}",
        "{\"executionPrefix\":\"\\ud800\"}", "{\"savedFrom\":\"yesterday\"}", "{\"path\":\"../x\"}", "{\"path\":\"/x\"}", "{\"path\":\"a\\u0000b\"}", "{\"path\":\"\"}", "{\"to\":\"nowhere\"}",
        "{\"to\":\"queue:\"}", "{\"source\":\"nowhere\"}", "{\"against\":\"nowhere\"}", "{\"rules\":[{}]}", "{\"rules\":[null]}", "{\"rules\":[{\"maxAge\":\"x\"}]}", "{\"rules\":[{\"keepLast\":-1}]}",
        "{\"rules\":{}}", "{\"ids\":[\"a\"]}", "{\"ids\":[]}", "{\"ids\":null}", "{\"all\":1}", "{\"executions\":\"*\"}", "{\"executions\":\"?*\"}", "{\"executions\":\"\"}", "{\"executions\":1}", "{\"executions\":\"*\",\"metadata\":{}}",
        "{\"executions\":\"x\",\"dryRun\":\"yes\"}", "{\"executions\":\"a\\u0001\"}", "{\"metadata\":[]}", $"{{\"metadata\":{Nested(80)}}}",
        $"{{\"execution\":\"{new string('x', 300)}\"}}", $"{{\"{new string('y', 2000)}\":1}}");

    private BadRequest BadBody()
    {
        var (method, path) = Pick(("POST", Checkpoints), ("PUT", $"{Checkpoints}/c"), ("POST", "/jobs"));
        var json = path == "/jobs" ? "\r\nContent-Type: application/json" : "";
        return _random.Next(3) switch
        {
            0 => Raw("body said to be too large", $"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close{json}\r\nContent-Length: {16L * 1024 * 1024 + _random.Next(1, 1_000_000)}\r\n\r\n"),
            1 => Raw("bad chunk", $"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close{json}\r\nTransfer-Encoding: chunked\r\n\r\n{Pick("zz\r\n", "-1\r\nx", "5\r\nabcdefgh\r\n", "fffffffffffffffff\r\n", "1;\r\r\n", "\r\n\r\n")}"),
            _ => Request("too large for a job", "POST", "/jobs", "Content-Type: application/json", [.. "{\"kind\":\""u8, .. Enumerable.Repeat((byte)'x', 300_000), .. "\"}"u8]),
        };
    }

    /// <summary>What the server refuses before the worker sees it.</summary>
    private BadRequest BadProtocol()
    {
        var target = Pick(Endpoints).Path;
        var end = "Connection: close\r\n\r\n";
        return _random.Next(14) switch
        {
            0 => Bare("no host", $"GET {target} HTTP/1.1\r\n{end}"),
            1 => Bare("two hosts", $"GET {target} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n{end}"),
            2 => Bare("bad host", $"GET {target} HTTP/1.1\r\nHost: {Pick("a b", "a/b", "[::1", "a,b", "localhost:x")}\r\n{end}"),
            3 => Bare("header without colon", $"GET {target} HTTP/1.1\r\nHost: {host}\r\n{Text(9)}\r\n{end}"),
            4 => Bare("bad header name", $"GET {target} HTTP/1.1\r\nHost: {host}\r\n{Pick("a b", " x", "")}: 1\r\n{end}"),
            5 => Bare("bad header value", $"GET {target} HTTP/1.1\r\nHost: {host}\r\nX: a{Pick("\0", "\rb")}\r\n{end}"),
            6 => Bare("bad length", $"POST {Checkpoints} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {Pick("-1", "x", "1,2", "99999999999999999999999", "0x10", "")}\r\n{end}"),
            7 => Bare("bad transfer encoding", $"POST {Checkpoints} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: {Pick("gzip", "x", "chunked, gzip")}\r\n{end}"),
            8 when _random.Next(2) == 0 => Bare("not ASCII", $"GET {target}?\u00e9=1 HTTP/1.1\r\nHost: {host}\r\n{end}"),
            8 => Bare("request line too long", $"GET {target}?{new string('a', 300_000)} HTTP/1.1\r\nHost: {host}\r\n{end}"),
            9 => Bare("headers too large", $"GET {target} HTTP/1.1\r\nHost: {host}\r\nX: {new string('a', 600_000)}\r\n{end}"),
            10 => Bare("too many headers", $"GET {target} HTTP/1.1\r\nHost: {host}\r\n{Repeat("X: 1\r\n", 200)}{end}"),
            11 => Bare("broken request line", $"{Pick("GET", "GET  / HTTP/1.1", $"G(T {target} HTTP/1.1", $"GET x{target} HTTP/1.1", $"{Text(30)} ")}\r\nHost: {host}\r\n{end}"),
            12 => Bare("zero in the path", $"GET {target}/%00 HTTP/1.1\r\nHost: {host}\r\n{end}"),
            _ => Bare("another authority", $"GET http://evil.example{target} HTTP/1.1\r\nHost: {host}\r\n{end}"),
        };
    }

    private string Good(string kind) => kind switch
    {
        "limit" => "5",
        "number" => "7",
        "flag" => "true",
        "time" => "2026-01-02T03:04:05Z",
        "json" => "%7B%7D",
        _ => Text(5),
    };

    private string Bad(string kind) => kind switch
    {
        "text" or "id" when _random.Next(3) > 0 => Pick("%00", "a%0Ab", "%7F", "%C2%80", new string('x', 257), Repeat("%E2%82%AC", 257), "%ED%A0%80", "%C3", "%FF", "%", "%2", "%zz"),
        "id" => "",
        "text" => $"{Uri.EscapeDataString(Text(257))}",
        "limit" => Pick("0", "-1", "1001", "", "x", "1.0", "+5", "%205", "0x5", "1e1", "99999999999999999999", "\u0665"),
        "number" => Pick("", "x", "1.5", "1e3", "0x1", "99999999999999999999", "-99999999999999999999", "%201", "1%20", "NaN", "-"),
        "flag" => Pick("", "1", "0", "True", "FALSE", "yes", "true%20"),
        "time" => Pick("", "yesterday", "2026", "2026-01-02", "2026-13-01T00:00:00Z", "2026-01-02T25:00:00Z", "2026-01-02T03:04:05", "0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "1767323045"),
        "json" => Uri.EscapeDataString(Pick("", "{", "[]", "1", "null", "\"x\"", "{\"a\":1,}", "{\"a\":1,\"a\":1}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}", "{\"a\":1e999}", "{/**/}", Nested(40), $"{{\"a\":\"{new string('x', 70_000)}\"}}")),
        "token" => Pick("x", "", "%00", new string('A', 5000), Uri.EscapeDataString("{}"), "AAAA", "////"),
        _ => Pick("", "x", "RAW", "0", "3", "persisted%20", "asc", new string('x', 5000)),
    };

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    private string Text(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)('a' + _random.Next(26))));

    private T Pick<T>(params T[] values) => values[_random.Next(values.Length)];

    private static BadRequest Bare(string what, string text) => new(what, Encoding.Latin1.GetBytes(text), MayBeBare: true);

    private static BadRequest Raw(string what, string text) => new(what, Encoding.Latin1.GetBytes(text), MayBeBare: false);

    private BadRequest Request(string what, string method, string target, string? header = null, byte[]? body = null, string? hostHeader = null)
    {
        var text = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: {hostHeader ?? host}\r\nConnection: close\r\n");
        text.Append(header is null ? "" : $"{header}\r\n");
        body ??= method is "POST" or "PUT" && _random.Next(2) == 0 ? Encoding.UTF8.GetBytes(Text(20)) : [];
        text.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n\r\n");
        return new BadRequest(what, [.. Encoding.Latin1.GetBytes(text.ToString()), .. body], MayBeBare: false);
    }
}
