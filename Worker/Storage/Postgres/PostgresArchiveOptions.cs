using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>Where the PostgreSQL archive is.</summary>
internal sealed class PostgresArchiveOptions
{
    /// <summary>An Npgsql connection string. Its pool serves all of the worker.</summary>
    [Required]
    public string ConnectionString { get; set; } = "";

    /// <summary>The schema of the tables; created when it is missing. A lower-case identifier of up to 63 characters.</summary>
    /// <value>The default value is "checkpoints".</value>
    public string Schema { get; set; } = "checkpoints";

    /// <summary>What every table's name starts with. Empty or a lower-case identifier of up to 30 characters.</summary>
    /// <value>The default value is "".</value>
    public string TablePrefix { get; set; } = "";
}

/// <summary>Checks <see cref="PostgresArchiveOptions"/>; names are part of SQL text, so nothing but identifiers passes.</summary>
internal sealed partial class PostgresArchiveOptionsValidator : IValidateOptions<PostgresArchiveOptions>
{
    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, PostgresArchiveOptions options)
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(options.ConnectionString))
        {
            failures.Add($"{nameof(options.ConnectionString)} is empty; an Npgsql connection string is required.");
        }
        else
        {
            try
            {
                _ = new NpgsqlConnectionStringBuilder(options.ConnectionString);
            }
            catch (Exception e) when (e is ArgumentException or FormatException)
            {
                // Without the text: it can hold a password.
                failures.Add($"{nameof(options.ConnectionString)} is not an Npgsql connection string.");
            }
        }

        if (options.Schema is null || !SchemaPattern().IsMatch(options.Schema))
        {
            failures.Add($"{nameof(options.Schema)} is '{options.Schema}'; 1 to 63 of a-z, 0-9 and _ are allowed, not a digit first, not 'pg_'.");
        }

        if (options.TablePrefix is null || !PrefixPattern().IsMatch(options.TablePrefix))
        {
            failures.Add($"{nameof(options.TablePrefix)} is '{options.TablePrefix}'; 0 to 30 of a-z, 0-9 and _ are allowed, not a digit first, not 'pg_'.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    [GeneratedRegex(@"\A(?!pg_)[a-z_][a-z0-9_]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SchemaPattern();

    [GeneratedRegex(@"\A(?!pg_)([a-z_][a-z0-9_]{0,29})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PrefixPattern();
}
