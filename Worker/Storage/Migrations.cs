using System.Globalization;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>A numbered script that is part of the program.</summary>
/// <param name="Version">Its number; 1 is the first.</param>
/// <param name="Name">Its file name.</param>
/// <param name="Sql">Its text, placeholders filled in.</param>
internal sealed record Migration(int Version, string Name, string Sql);

/// <summary>The scripts of a dialect, in order.</summary>
internal static class Migrations
{
    /// <summary>Reads the scripts of a dialect.</summary>
    /// <param name="dialect">The folder: "Postgres" or "Sqlite".</param>
    /// <param name="tables">What stands before a table's name.</param>
    /// <param name="prefix">What stands before an index's name.</param>
    public static IReadOnlyList<Migration> Load(string dialect, string tables, string prefix)
    {
        var assembly = typeof(Migrations).Assembly;
        var folder = $"{typeof(Migrations).Namespace}.{dialect}.Migrations.";
        var migrations = new List<Migration>();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var name = resource[folder.Length..];
            var sql = reader.ReadToEnd().Replace("{tables}", tables, StringComparison.Ordinal).Replace("{prefix}", prefix, StringComparison.Ordinal);
            migrations.Add(new Migration(int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name, sql));
        }

        return [.. migrations.OrderBy(migration => migration.Version)];
    }

    /// <summary>Refuses a schema that a newer program made: this one cannot know what its rows mean.</summary>
    /// <param name="found">The version in the database.</param>
    /// <param name="known">The newest this program has.</param>
    public static void ThrowIfNewer(int found, int known)
    {
        if (found > known)
        {
            throw new CheckpointException(
                $"The archive's schema has version {found}; this program knows versions up to {known}.",
                isTransient: false,
                "Run the newer program, or point this one at another schema, table prefix or file.");
        }
    }
}
