using System.Net;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>Who may do what: by key where keys are configured, else whoever is on this machine.</summary>
internal sealed class ApiAccess(IOptions<ApiOptions> options)
{
    private const string Scheme = "Bearer";

    /// <summary>What proxies say of whom they speak for.</summary>
    private static readonly string[] ProxyHeaders = ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"];

    private readonly IReadOnlyList<(string Name, ApiRole Role, byte[] Hash)> _keys =
        [.. options.Value.ApiKeys.Select(key => (key.Key, ToRole(key.Value.Role)!.Value, Convert.FromHexString(key.Value.Sha256)))];

    /// <summary>Whether keys are configured.</summary>
    public bool HasKeys => _keys.Count > 0;

    /// <summary>A role as requests and settings write it.</summary>
    /// <param name="role">The role.</param>
    public static string ToText(ApiRole role) => role switch { ApiRole.Read => "read", ApiRole.Write => "write", _ => "operate" };

    /// <summary>The role of a text, in upper or lower case; null: there is none.</summary>
    /// <param name="text">The text.</param>
    public static ApiRole? ToRole(string text) =>
        Enum.GetValues<ApiRole>().Where(role => ToText(role).Equals(text, StringComparison.OrdinalIgnoreCase)).Select(role => (ApiRole?)role).SingleOrDefault();

    /// <summary>
    /// Without keys, lets only this machine in, not through a proxy on it, and only by a name of this machine: a page whose
    /// name was made to point here (DNS rebinding) would pass for one of our own.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <exception cref="ApiException">It comes from elsewhere.</exception>
    public void RequireLocalWithoutKeys(HttpContext context)
    {
        if (HasKeys)
        {
            return;
        }

        if (!IsFromThisMachine(context))
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status403Forbidden, "keys-required", "Only this machine is served.", "No API keys are configured (Worker:Http:ApiKeys)."));
        }

        if (!IsForMonitoring(context) && Array.Find(ProxyHeaders, context.Request.Headers.ContainsKey) is { } header)
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status403Forbidden,
                "keys-required",
                "Only this machine is served.",
                $"The request comes through a proxy ({header}), and no API keys are configured (Worker:Http:ApiKeys)."));
        }

        if (!NamesThisMachine(context))
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status421MisdirectedRequest,
                "other-host",
                "The host is not this machine.",
                $"Host is '{context.Request.Host}'; without API keys, localhost and loopback addresses are allowed."));
        }
    }

    /// <summary>With keys, requires one with a role, and makes its name the request's user.</summary>
    /// <param name="context">The request.</param>
    /// <param name="role">The least role.</param>
    /// <exception cref="ApiException">There is no key, it is not known, or it may not do this.</exception>
    public void Require(HttpContext context, ApiRole role)
    {
        if (!HasKeys)
        {
            return;
        }

        var header = context.Request.Headers.Authorization;
        if (header.Count == 0)
        {
            throw Unauthorized("The request has no key; send one as 'Authorization: Bearer KEY'.", Scheme);
        }

        if (Find(header) is not { } key)
        {
            throw Unauthorized("The key is not known here.", $"{Scheme} error=\"invalid_token\"");
        }

        if (key.Role < role)
        {
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status403Forbidden,
                "role-too-low",
                "The key may not do this.",
                $"The key '{key.Name}' has the role {ToText(key.Role)}; {ToText(role)} is required."))
            {
                Challenge = $"{Scheme} error=\"insufficient_scope\", scope=\"{ToText(role)}\"",
            };
        }

        context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, key.Name)], Scheme));
    }

    /// <summary>As <see cref="Require"/>, but lets this machine in without a key: for scrapes by a neighbour.</summary>
    /// <param name="context">The request.</param>
    /// <param name="role">The least role.</param>
    /// <exception cref="ApiException">See <see cref="Require"/>.</exception>
    public void RequireUnlessLocal(HttpContext context, ApiRole role)
    {
        if (!IsFromThisMachine(context) || !NamesThisMachine(context))
        {
            Require(context, role);
        }
    }

    /// <summary>Whether a name or address is this machine's own and nobody else's.</summary>
    /// <param name="host">A host, IPv6 with or without brackets.</param>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    // No data, and what a proxy on this machine may hand out (edge in infra/kubernetes).
    private static bool IsForMonitoring(HttpContext context) => context.Request.Path.StartsWithSegments("/health") || context.Request.Path == "/metrics";

    // A Unix socket has no address.
    private static bool IsFromThisMachine(HttpContext context) => context.Connection.RemoteIpAddress is not { } address || IPAddress.IsLoopback(address);

    // No browser leaves it out.
    private static bool NamesThisMachine(HttpContext context) => !context.Request.Host.HasValue || IsLoopback(context.Request.Host.Host);

    private static ApiException Unauthorized(string detail, string challenge) =>
        new(ApiProblem.Create(StatusCodes.Status401Unauthorized, "unauthorized", "A key is required.", detail)) { Challenge = challenge };

    // Every key is compared, all of it: how long it takes says nothing.
    private (string Name, ApiRole Role, byte[] Hash)? Find(StringValues header)
    {
        if (header.Count != 1 || header[0] is not { } text || !text.StartsWith($"{Scheme} ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var hash = ApiKey.Hash(text[(Scheme.Length + 1)..].Trim(' '));
        (string Name, ApiRole Role, byte[] Hash)? found = null;
        foreach (var key in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(key.Hash, hash))
            {
                found = key;
            }
        }

        return found;
    }
}
