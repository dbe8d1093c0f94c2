using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using static AsyncCheckpoints.Samples.Agent.HttpAnswers;

namespace AsyncCheckpoints.Samples.Agent;

/// <summary>The worker's HTTP API as a client, so that a session works over it as over the SDK.</summary>
internal sealed class HttpCheckpointClient(HttpClient http) : ICheckpointClient
{
    public async Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        var query = Query(
            ("namespace", checkpoint.Namespace),
            ("parentId", checkpoint.ParentId),
            ("node", checkpoint.NodeName),
            ("version", checkpoint.Version.ToString(CultureInfo.InvariantCulture)),
            ("createdAt", checkpoint.CreatedAt == default ? null : checkpoint.CreatedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)),
            ("durability", Level(options?.Durability)),
            ("expectedLatestId", options?.ExpectedLatestId),
            ("strict", options is { Strict: true } ? "true" : null));
        var path = $"{Checkpoints(checkpoint.ExecutionId)}{(checkpoint.Id.Length == 0 ? "" : $"/{Segment(checkpoint.Id)}")}{query}";
        using var request = new HttpRequestMessage(checkpoint.Id.Length == 0 ? HttpMethod.Post : HttpMethod.Put, path)
        {
            Content = new ReadOnlyMemoryContent(checkpoint.State),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(checkpoint.ContentType);
        if (checkpoint.Metadata is { } metadata)
        {
            request.Headers.Add("Checkpoint-Metadata", JsonSerializer.Serialize(metadata));
        }

        return ToResult((await SendAsync(request, checkpoint.Key, options?.ExpectedLatestId, cancellationToken))!.Value);
    }

    public bool TrySave(Checkpoint checkpoint) => throw new NotSupportedException("There is no buffer over HTTP; use SaveAsync.");

    public Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken = default) =>
        GetOneAsync($"{Checkpoints(key.ExecutionId)}/{Segment(key.Id)}{Query(("namespace", key.Namespace), ("format", "json"))}", cancellationToken);

    public Task<Checkpoint?> LoadLatestAsync(string executionId, string @namespace = "", CancellationToken cancellationToken = default) =>
        GetOneAsync($"/executions/{Segment(executionId)}/latest{Query(("namespace", @namespace), ("format", "json"))}", cancellationToken);

    public async Task<CheckpointPage> ListAsync(CheckpointQuery query, CancellationToken cancellationToken = default)
    {
        var text = Query(
            ("namespace", query.Namespace),
            ("allNamespaces", query.Namespace is null ? "true" : null),
            ("parentId", query.ParentId),
            ("node", query.NodeName),
            ("metadata", query.Metadata is { } metadata ? JsonSerializer.Serialize(metadata) : null),
            ("afterSequence", query.AfterSequence?.ToString(CultureInfo.InvariantCulture)),
            ("beforeSequence", query.BeforeSequence?.ToString(CultureInfo.InvariantCulture)),
            ("limit", query.Limit.ToString(CultureInfo.InvariantCulture)),
            ("order", query.OldestFirst ? "oldest" : "newest"),
            ("includeState", query.IncludeState ? "true" : "false"),
            ("continuationToken", query.ContinuationToken));
        var page = (await GetAsync($"{Checkpoints(query.ExecutionId)}{text}", cancellationToken))!.Value;
        return new CheckpointPage(
            [.. page.GetProperty("items").EnumerateArray().Select(ToCheckpoint)], page.GetProperty("continuationToken").GetString());
    }

    public async Task<ExecutionPage> ListExecutionsAsync(
        string prefix = "", int limit = 100, string? continuationToken = null, string contains = "", CancellationToken cancellationToken = default)
    {
        var query = Query(("prefix", prefix), ("contains", contains), ("limit", limit.ToString(CultureInfo.InvariantCulture)), ("continuationToken", continuationToken));
        var page = (await GetAsync($"/executions{query}", cancellationToken))!.Value;
        return new ExecutionPage(
            [.. page.GetProperty("items").EnumerateArray().Select(e => e.GetString()!)], page.GetProperty("continuationToken").GetString());
    }

    public async Task<bool> ExistsAsync(CheckpointKey key, CancellationToken cancellationToken = default) => await LoadAsync(key, cancellationToken) is not null;

    public Task<Durability> DeleteAsync(CheckpointKey key, Durability? durability = null, CancellationToken cancellationToken = default) =>
        DeleteAsync($"{Checkpoints(key.ExecutionId)}/{Segment(key.Id)}{Query(("namespace", key.Namespace), ("durability", Level(durability)))}", key, cancellationToken);

    public Task<Durability> ClearAsync(string executionId, Durability? durability = null, CancellationToken cancellationToken = default) =>
        DeleteAsync($"/executions/{Segment(executionId)}{Query(("durability", Level(durability)))}", new CheckpointKey(executionId, ""), cancellationToken);

    public async Task<SaveResult> ForkAsync(
        CheckpointKey source, string newExecutionId, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        var query = Query(("to", newExecutionId), ("namespace", source.Namespace), ("durability", Level(options?.Durability)));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Checkpoints(source.ExecutionId)}/{Segment(source.Id)}/fork{query}");
        var answer = await SendAsync(request, source, SaveOptions.EmptyStream, cancellationToken) ?? throw new CheckpointNotFoundException(source);
        return ToResult(answer);
    }

    public Task FlushAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    private static string Checkpoints(string executionId) => $"/executions/{Segment(executionId)}/checkpoints";

    // "." and ".." would be taken for folders.
    private static string Segment(string id) => id.AsSpan().TrimStart('~') is "." or ".." ? $"~{id}" : Uri.EscapeDataString(id);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var parts = new List<string>();
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
            {
                parts.Add($"{name}={Uri.EscapeDataString(value)}");
            }
        }

        return parts.Count == 0 ? "" : $"?{string.Join('&', parts)}";
    }

    private async Task<Checkpoint?> GetOneAsync(string path, CancellationToken cancellationToken) =>
        await GetAsync(path, cancellationToken) is { } item ? ToCheckpoint(item) : null;

    private async Task<JsonElement?> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(request, default, null, cancellationToken);
    }

    private async Task<Durability> DeleteAsync(string path, CheckpointKey key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, path);
        var answer = (await SendAsync(request, key, null, cancellationToken))!.Value;
        return Enum.Parse<Durability>(answer.GetProperty("reached").GetString()!, ignoreCase: true);
    }

    /// <summary>The answer's JSON; null for a 404. Problems become the exceptions that they were.</summary>
    private async Task<JsonElement?> SendAsync(HttpRequestMessage request, CheckpointKey key, string? expectedLatestId, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            var json = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            return response.IsSuccessStatusCode ? json : throw ToException(response.StatusCode, json, key, expectedLatestId);
        }
        catch (HttpRequestException e)
        {
            throw new CheckpointUnavailableException("The worker did not answer.", "Is it running?", e);
        }
    }
}
