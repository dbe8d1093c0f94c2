using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace AsyncCheckpoints.Samples.Agent;

/// <summary>
/// All that the agent knows after a number of paragraphs. The digest covers every paragraph in order: it is right only
/// when none was left out and none was read twice.
/// </summary>
internal sealed partial record AgentState(
    int Paragraphs, int Words, ImmutableSortedDictionary<string, int> Frequencies, string LongestSentence, string Digest)
{
    public static AgentState Start { get; } = new(0, 0, ImmutableSortedDictionary.Create<string, int>(StringComparer.Ordinal), "", "");

    [JsonIgnore]
    public string Answer
    {
        get
        {
            var top = Frequencies.OrderByDescending(f => f.Value).ThenBy(f => f.Key, StringComparer.Ordinal).Take(3).Select(f => $"{f.Key} {f.Value}");
            return $"{Paragraphs} paragraphs, {Words} words, most often {string.Join(", ", top)}; longest sentence {WordPattern().Count(LongestSentence)} words; digest {Digest}";
        }
    }

    public AgentState Read(string paragraph)
    {
        var frequencies = Frequencies.ToBuilder();
        var words = 0;
        foreach (var word in WordPattern().EnumerateMatches(paragraph))
        {
            var text = paragraph.Substring(word.Index, word.Length).ToLowerInvariant();
            frequencies[text] = frequencies.GetValueOrDefault(text) + 1;
            words++;
        }

        var longest = SentenceEnd().Split(paragraph).Append(LongestSentence).MaxBy(s => WordPattern().Count(s))!;
        return new AgentState(
            Paragraphs + 1,
            Words + words,
            frequencies.ToImmutable(),
            longest,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Digest}\n{paragraph}"))));
    }

    [GeneratedRegex("[A-Za-z]+(?:'[a-z]+)?")]
    private static partial Regex WordPattern();

    [GeneratedRegex(@"(?<=[.!?])['""]?\s+")]
    private static partial Regex SentenceEnd();
}

/// <summary>How states are written.</summary>
[JsonSourceGenerationOptions]
[JsonSerializable(typeof(AgentState))]
internal sealed partial class AgentJson : JsonSerializerContext;
