using System.Net.Http.Headers;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Http.Access;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Access;

/// <summary>A worker process with a key of each role, named as the role.</summary>
public sealed class KeyedHost : IAsyncLifetime
{
    private readonly Dictionary<ApiRole, string> _keys = Enum.GetValues<ApiRole>().ToDictionary(role => role, _ => ApiKey.Create());

    internal JobWorker Worker { get; } = new();

    /// <summary>Sends no key by itself.</summary>
    public HttpClient Http => Worker.Http;

    public string this[ApiRole role] => _keys[role];

    public async Task InitializeAsync()
    {
        foreach (var (role, key) in _keys)
        {
            Worker[$"Worker__Http__ApiKeys__{role}__Role"] = $"{role}";
            Worker[$"Worker__Http__ApiKeys__{role}__Sha256"] = Convert.ToHexString(ApiKey.Hash(key));
        }

        await Worker.StartAsync();
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, ApiRole? role, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (role is { } known)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _keys[known]);
        }

        return await Http.SendAsync(request);
    }
}
