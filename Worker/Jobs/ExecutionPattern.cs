using System.Text.RegularExpressions;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>A pattern of execution ids in which '*' stands for any text and '?' for one character.</summary>
/// <param name="text">The pattern.</param>
internal sealed class ExecutionPattern(string text)
{
    private readonly Regex _regex = new(
        $@"\A{Regex.Escape(text).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal)}\z",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);

    /// <summary>What every id that fits starts with.</summary>
    public string Prefix { get; } = text.IndexOfAny(['*', '?']) is >= 0 and var end ? text[..end] : text;

    /// <summary>Whether only one id fits.</summary>
    public bool IsOne => Prefix.Length == text.Length;

    /// <summary>Whether nothing but '*' and '?' is in it.</summary>
    public bool SaysNothing => text.Trim('*', '?').Length == 0;

    /// <summary>Whether an id fits.</summary>
    /// <param name="execution">The id.</param>
    public bool Fits(string execution) => _regex.IsMatch(execution);
}
