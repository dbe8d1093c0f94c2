using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Jobs.Backfill;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>Opens what a job names as its source: the cache, or an entry of <see cref="JobOptions.Sources"/>.</summary>
internal sealed class SourceFactory(CacheLink cache, IOptions<JobOptions> jobs, IOptions<CheckpointOptions> checkpoints, TimeProvider time)
{
    /// <summary>The name of this installation's cache.</summary>
    public const string Cache = "cache";

    /// <summary>Checks a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="isForeignAllowed">Whether langgraphgo's stores will do.</param>
    /// <exception cref="ArgumentException">There is no such source.</exception>
    public void Validate(string? name, bool isForeignAllowed)
    {
        if (name != Cache && (name is null || !jobs.Value.Sources.TryGetValue(name, out var source) || (IsForeign(source) && !isForeignAllowed)))
        {
            var known = jobs.Value.Sources.Where(pair => isForeignAllowed || !IsForeign(pair.Value)).Select(pair => pair.Key).Prepend(Cache);
            throw new ArgumentException($"The source is '{name}'; {string.Join(", ", known)} are allowed (see Jobs:Sources in the configuration).", nameof(name));
        }
    }

    /// <summary>Whether a source is one of langgraphgo's.</summary>
    /// <param name="name">The name.</param>
    public bool IsForeign(string name) => jobs.Value.Sources.TryGetValue(name, out var source) && IsForeign(source);

    /// <summary>Opens a store of AsyncCheckpoints.</summary>
    /// <param name="name">The name.</param>
    public ICheckpointSource Open(string name)
    {
        Validate(name, isForeignAllowed: false);
        if (name == Cache)
        {
            return new CacheSource(cache, checkpoints.Value.MaxStateBytes);
        }

        var source = jobs.Value.Sources[name];
        if (source.Kind == JobSourceKind.Postgres)
        {
            return new ArchiveSource(
                new PostgresArchive(new() { ConnectionString = source.ConnectionString!, Schema = source.Schema, TablePrefix = source.TablePrefix }),
                isOwned: true);
        }

        RequireFile(source.Path!);
        return new ArchiveSource(new SqliteArchive(new() { Path = source.Path!, TablePrefix = source.TablePrefix }, time), isOwned: true);
    }

    /// <summary>Opens one of langgraphgo's stores.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IForeignStore> OpenForeignAsync(string name, CancellationToken cancellationToken)
    {
        var source = jobs.Value.Sources[name];
        switch (source.Kind)
        {
            case JobSourceKind.LangGraphGoPostgres:
                return new LangGraphGoPostgres(source.ConnectionString!, source.Table);
            case JobSourceKind.LangGraphGoSqlite:
                RequireFile(source.Path!);
                return new LangGraphGoSqlite(source.Path!, source.Table);
            case JobSourceKind.LangGraphGoRedis:
                return await LangGraphGoRedis.OpenAsync(source.ConnectionString!, source.KeyPrefix, checkpoints.Value.CacheTimeout, cancellationToken);
            default:
                return await LangGraphGoFiles.OpenAsync(source.Path!, cancellationToken);
        }
    }

    private static bool IsForeign(JobSourceOptions source) => source.Kind >= JobSourceKind.LangGraphGoPostgres;

    // Opening would make an empty one.
    private static void RequireFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new JobFailedException("The source's file does not exist on this worker's machine.");
        }
    }
}
