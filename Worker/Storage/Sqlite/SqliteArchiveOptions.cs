using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

/// <summary>Where the SQLite archive is.</summary>
internal sealed class SqliteArchiveOptions
{
    /// <summary>The database file. It and its folder are created when they are missing.</summary>
    /// <value>The default value is "data/checkpoints.db".</value>
    [Required]
    public string Path { get; set; } = "data/checkpoints.db";

    /// <summary>How long a statement waits for another process that writes, in whole seconds. 00:00:01 to 00:10:00.</summary>
    /// <value>The default value is 30 seconds.</value>
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What every table's name starts with. Empty or a lower-case identifier of up to 30 characters.</summary>
    /// <value>The default value is "".</value>
    public string TablePrefix { get; set; } = "";
}

/// <summary>Checks <see cref="SqliteArchiveOptions"/>; the prefix is part of SQL text, so nothing but identifiers passes.</summary>
internal sealed partial class SqliteArchiveOptionsValidator : IValidateOptions<SqliteArchiveOptions>
{
    private static readonly TimeSpan ShortestTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMinutes(10);

    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, SqliteArchiveOptions options)
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(options.Path) || options.Path.Contains(":memory:", StringComparison.OrdinalIgnoreCase))
        {
            failures.Add($"{nameof(options.Path)} is '{options.Path}'; the path of a file is required (several connections share it).");
        }

        if (options.BusyTimeout < ShortestTimeout || options.BusyTimeout > LongestTimeout)
        {
            failures.Add($"{nameof(options.BusyTimeout)} is {options.BusyTimeout}; {ShortestTimeout} to {LongestTimeout} is allowed.");
        }

        if (options.TablePrefix is null || !PrefixPattern().IsMatch(options.TablePrefix))
        {
            failures.Add($"{nameof(options.TablePrefix)} is '{options.TablePrefix}'; 0 to 30 of a-z, 0-9 and _ are allowed, not a digit first, not 'sqlite_'.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    [GeneratedRegex(@"\A(?!sqlite_)([a-z_][a-z0-9_]{0,29})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PrefixPattern();
}
