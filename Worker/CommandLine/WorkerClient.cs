using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Worker.Http;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>A running worker, over its HTTP API.</summary>
internal sealed class WorkerClient : IDisposable
{
    private const string KeyVariable = "CHECKPOINTS_API_KEY";

    private readonly HttpClient _http;

    /// <summary>A worker; the key comes from the environment, where no list of processes shows it.</summary>
    /// <param name="url">Where it is.</param>
    public WorkerClient(Uri url)
    {
        // As Kestrel reads headers: a content type may be any text.
        var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        _http = new HttpClient(handler) { BaseAddress = url, Timeout = TimeSpan.FromMinutes(2) };
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key)
        {
            if (!AuthenticationHeaderValue.TryParse($"Bearer {key.Trim()}", out var header))
            {
                throw new CommandException(ExitCodes.Usage, $"{KeyVariable} is not a key such as 'api-key create' makes.");
            }

            _http.DefaultRequestHeaders.Authorization = header;
        }
    }

    public static string PathOf(string execution, string id, string ns) =>
        $"executions/{PercentText.EncodeSegment(execution)}/checkpoints/{PercentText.EncodeSegment(id)}?namespace={Uri.EscapeDataString(ns)}";

    public static string PathOf(string execution) => $"executions/{PercentText.EncodeSegment(execution)}";

    /// <summary>Reads JSON.</summary>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
    }

    /// <summary>Posts JSON and reads what comes back; undefined when nothing does.</summary>
    public async Task<JsonElement> PostAsync(string path, object? body, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = body is null ? null : JsonContent.Create(body, options: Jobs.JobJson.Options) };
        using var answer = await SendAsync(request, cancellationToken);
        return answer.StatusCode == HttpStatusCode.NoContent ? default : await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
    }

    /// <summary>Sends a request.</summary>
    /// <exception cref="CommandException">The worker refused it.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new CommandException(ExitCodes.Unreachable, $"No worker answers at {_http.BaseAddress}; start one with 'serve', or name another with --url.");
        }

        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            throw new CommandException(
                answer.StatusCode == HttpStatusCode.NotFound ? ExitCodes.NotFound
                : answer.StatusCode == HttpStatusCode.ServiceUnavailable ? ExitCodes.Unreachable : ExitCodes.Failed,
                await ProblemAsync(answer, cancellationToken) + (answer.StatusCode == HttpStatusCode.Unauthorized ? $" The key is taken from {KeyVariable}." : ""));
        }
    }

    /// <summary>The items of a listing, page by page.</summary>
    /// <param name="path">Where, with the query.</param>
    /// <param name="pageSize">The most on a page that the listing allows.</param>
    /// <param name="most">The most items.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async IAsyncEnumerable<JsonElement> ListAsync(
        string path, int pageSize, int most, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var separator = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        string? token = null;
        for (var left = most; left > 0;)
        {
            var next = token is null ? "" : $"&continuationToken={Uri.EscapeDataString(token)}";
            var page = await GetAsync($"{path}{separator}limit={Math.Min(left, pageSize)}{next}", cancellationToken);
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                yield return item;
                left--;
            }

            token = page.GetProperty("continuationToken").GetString();
            left = token is null ? 0 : left;
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<string> ProblemAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            return problem.TryGetProperty("detail", out var detail) && detail.GetString() is { Length: > 0 } text ? text : problem.GetProperty("title").GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return $"The worker answered {(int)answer.StatusCode}.";
        }
    }
}
