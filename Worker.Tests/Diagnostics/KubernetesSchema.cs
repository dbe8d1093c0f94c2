using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>
/// What Kubernetes takes, by kubernetes-schema.json: names of members, those that are required, and their types as the
/// API server reads them from YAML. A type that a manifest is the first to use has to be added there.
/// </summary>
/// <param name="json">The schema.</param>
internal sealed partial class KubernetesSchema(string json)
{
    private static readonly Dictionary<string, Func<YamlNode, bool>> Scalars = new()
    {
        ["string"] = IsText,
        ["number"] = IsNumber,
        ["boolean"] = node => IsPlain(node) && $"{node}" is "true" or "false",
        ["number|string"] = node => IsNumber(node) || IsText(node),
        ["Quantity"] = node => node is YamlScalarNode && Quantity().IsMatch($"{node}"),
    };

    private readonly JsonElement _types = JsonElement.Parse(json);

    /// <summary>Everything in a document that is refused, with its path.</summary>
    public IReadOnlyList<string> Problems(YamlNode document)
    {
        var problems = new List<string>();
        var kind = document is YamlMappingNode mapping && mapping.Children.TryGetValue("kind", out var named) ? $"{named}" : "";
        CheckObject(document, kind, kind, problems);
        return problems;
    }

    private void Check(YamlNode node, string type, string path, List<string> problems)
    {
        if (type.StartsWith("[]", StringComparison.Ordinal))
        {
            var items = node as YamlSequenceNode;
            Require(items is not null, path, "a list", problems);
            foreach (var (i, item) in (items?.Children ?? []).Index())
            {
                Check(item, type[2..], $"{path}[{i}]", problems);
            }
        }
        else if (type.StartsWith("{}", StringComparison.Ordinal))
        {
            var members = node as YamlMappingNode;
            Require(members is not null, path, "a mapping", problems);
            foreach (var (name, value) in members?.Children ?? Enumerable.Empty<KeyValuePair<YamlNode, YamlNode>>())
            {
                Check(value, type[2..], $"{path}.{name}", problems);
            }
        }
        else if (type.StartsWith('='))
        {
            Require(IsText(node) && $"{node}" == type[1..], path, type[1..], problems);
        }
        else if (Scalars.TryGetValue(type, out var isRight))
        {
            Require(isRight(node), path, $"a {type}", problems);
        }
        else
        {
            CheckObject(node, type, path, problems);
        }
    }

    private void CheckObject(YamlNode node, string type, string path, List<string> problems)
    {
        if (!_types.TryGetProperty(type, out var known) || known.ValueKind != JsonValueKind.Object)
        {
            problems.Add($"{path}: the schema has no '{type}'");
            return;
        }

        if (node is not YamlMappingNode members)
        {
            problems.Add($"{path}: not a mapping");
            return;
        }

        var types = known.EnumerateObject().ToDictionary(member => member.Name.TrimEnd('!'), member => member.Value.GetString()!);
        foreach (var (name, value) in members.Children)
        {
            if (types.TryGetValue($"{name}", out var memberType))
            {
                Check(value, memberType, $"{path}.{name}", problems);
            }
            else
            {
                problems.Add($"{path}: no member '{name}'");
            }
        }

        var required = known.EnumerateObject().Where(member => member.Name.EndsWith('!') || member.Value.GetString()!.StartsWith('=')).Select(member => member.Name.TrimEnd('!'));
        problems.AddRange(required.Where(name => !members.Children.ContainsKey(name)).Select(name => $"{path}: '{name}' is missing"));
    }

    private static void Require(bool condition, string path, string what, List<string> problems)
    {
        if (!condition)
        {
            problems.Add($"{path}: not {what}");
        }
    }

    private static bool IsPlain(YamlNode node) => node is YamlScalarNode { Style: ScalarStyle.Plain };

    private static bool IsNumber(YamlNode node) => IsPlain(node) && Number().IsMatch($"{node}");

    // Unquoted, these would be something else.
    private static bool IsText(YamlNode node) => node is YamlScalarNode && !(IsPlain(node) && (Number().IsMatch($"{node}") || Keyword().IsMatch($"{node}")));

    [GeneratedRegex(@"\A[-+]?[0-9][0-9._]*([eE][-+]?[0-9]+)?\z")]
    private static partial Regex Number();

    [GeneratedRegex(@"\A(|~|null|true|false|yes|no|on|off)\z", RegexOptions.IgnoreCase)]
    private static partial Regex Keyword();

    [GeneratedRegex(@"\A[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?\z")]
    private static partial Regex Quantity();
}
