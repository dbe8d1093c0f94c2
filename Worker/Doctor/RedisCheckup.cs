using System.Globalization;
using AsyncCheckpoints.Redis;
using StackExchange.Redis;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>Redis: version, durability, room, eviction, clock, layout, and what waits there for the archive.</summary>
internal static class RedisCheckup
{
    private const string Part = "redis";
    private static readonly Version Oldest = new(6, 0);
    private const double MaxMemoryShare = 0.9;
    private static readonly TimeSpan MaxClockDifference = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MaxPendingAge = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(
        string connectionString, CheckpointOptions options, TimeProvider time, List<Finding> findings, CancellationToken cancellationToken)
    {
        await using var redis = new RedisConnection(connectionString, options.CacheTimeout);
        var info = await InfoAsync(redis, cancellationToken);
        var version = Version.Parse(info["redis_version"]);
        findings.Add(version >= Oldest
            ? new Finding(Severity.Ok, Part, "version", $"{version}")
            : new Finding(Severity.Error, Part, "version", $"{version}; {Oldest} is the oldest that works.", "Upgrade it."));
        findings.Add(info.GetValueOrDefault("role") == "master"
            ? new Finding(Severity.Ok, Part, "role", "master")
            : new Finding(Severity.Error, Part, "role", $"It is a {info.GetValueOrDefault("role")}, which takes no writes.", "Point ConnectionStrings:Redis to the master."));
        findings.Add(info.GetValueOrDefault("aof_enabled") == "1"
            ? new Finding(Severity.Ok, Part, "appendonly", "yes")
            : new Finding(Severity.Error, Part, "appendonly", "no: what is only in Redis is lost when it restarts.", "Set appendonly yes."));
        findings.Add(CheckMemory(info));
        await CheckSettingsAsync(redis, findings, cancellationToken);
        await CheckClockAsync(redis, time, findings, cancellationToken);
        await CheckLayoutAsync(redis, options, findings, cancellationToken);
        if (findings.All(finding => finding.Severity < Severity.Error))
        {
            findings.Add(await CheckPendingAsync(connectionString, options, cancellationToken));
        }
    }

    private static Finding CheckMemory(Dictionary<string, string> info)
    {
        var (used, most) = (NumberOf("used_memory"), NumberOf("maxmemory"));
        return most == 0 || used <= MaxMemoryShare * most
            ? new Finding(Severity.Ok, Part, "memory", $"{used} bytes are used.")
            : new Finding(
                Severity.Warning,
                Part,
                "memory",
                $"{used} of {most} bytes are used; a full Redis refuses saves.",
                "Raise maxmemory, or keep less there: CacheTtl, MaxCachedPerStream. What is pending leaves once the archive has it.");

        long NumberOf(string name) => long.TryParse(info.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    private static async Task<Finding> CheckPendingAsync(string connectionString, CheckpointOptions options, CancellationToken cancellationToken)
    {
        await using var cache = new RedisCheckpointCache(connectionString, options.Prefix, options.ShardCount, options.CacheTimeout);
        var pending = await cache.GetPendingStatsAsync(cancellationToken);
        return pending.OldestAge <= MaxPendingAge
            ? new Finding(Severity.Ok, Part, "pending", $"{pending.Count}")
            : new Finding(
                Severity.Warning,
                Part,
                "pending",
                $"{pending.Count} saves and deletions are not archived, the oldest since {pending.OldestAge:d\\.hh\\:mm\\:ss}.",
                "Check that a worker runs and that its archive takes writes. Do not flush Redis.");
    }

    private static async Task CheckSettingsAsync(RedisConnection redis, List<Finding> findings, CancellationToken cancellationToken)
    {
        string? policy, fsync, memory;
        try
        {
            policy = await SettingAsync(redis, "maxmemory-policy", cancellationToken);
            fsync = await SettingAsync(redis, "appendfsync", cancellationToken);
            memory = await SettingAsync(redis, "maxmemory", cancellationToken);
        }
        catch (CheckpointException)
        {
            // Managed servers do not allow CONFIG.
            findings.Add(new Finding(Severity.Ok, Part, "settings", "They cannot be read here (CONFIG is not allowed); look at maxmemory-policy (noeviction) and appendfsync yourself."));
            return;
        }

        findings.Add(policy == "noeviction"
            ? new Finding(Severity.Ok, Part, "maxmemory-policy", policy)
            : new Finding(Severity.Error, Part, "maxmemory-policy", $"{policy}: pending checkpoints can be evicted.", "Set maxmemory-policy noeviction."));
        findings.Add(fsync is "everysec" or "always"
            ? new Finding(Severity.Ok, Part, "appendfsync", fsync)
            : new Finding(Severity.Warning, Part, "appendfsync", $"{fsync}: a crash of the machine loses what the disk does not have yet.", "Set appendfsync everysec, or always."));
        findings.Add(memory is { Length: > 0 } and not "0"
            ? new Finding(Severity.Ok, Part, "maxmemory", memory)
            : new Finding(Severity.Ok, Part, "maxmemory", "0: no bound; the kernel ends it when the machine is full. A bound makes saves go on through the broker instead."));
    }

    private static async Task CheckClockAsync(RedisConnection redis, TimeProvider time, List<Finding> findings, CancellationToken cancellationToken)
    {
        var parts = (RedisValue[])(await redis.CallAsync(db => db.ExecuteAsync("TIME"), cancellationToken))!;
        var there = DateTimeOffset.FromUnixTimeSeconds((long)parts[0]).AddMicroseconds((long)parts[1]);
        var difference = (there - time.GetUtcNow()).Duration();
        findings.Add(difference <= MaxClockDifference
            ? new Finding(Severity.Ok, Part, "clock", $"{difference.TotalMilliseconds:F0} ms from this machine's")
            : new Finding(Severity.Warning, Part, "clock", $"{difference.TotalSeconds:F1} s from this machine's; sequences follow Redis's.", "Let both follow NTP."));
    }

    private static async Task CheckLayoutAsync(RedisConnection redis, CheckpointOptions options, List<Finding> findings, CancellationToken cancellationToken)
    {
        var layout = new RedisLayout(options.Prefix, options.ShardCount);
        var found = (string?)await redis.CallAsync(db => db.StringGetAsync(layout.ConfigKey), cancellationToken);
        findings.Add(found is null || found == layout.Config
            ? new Finding(Severity.Ok, Part, "shard-count", found is null ? "Nothing is stored yet." : options.ShardCount.ToString(CultureInfo.InvariantCulture))
            : new Finding(
                Severity.Error,
                Part,
                "shard-count",
                $"Redis holds '{options.Prefix}' in layout '{found}'; the settings say '{layout.Config}' (version and shards).",
                "Set Checkpoints:ShardCount to what Redis holds, or use another prefix."));
    }

    private static async Task<string?> SettingAsync(RedisConnection redis, string name, CancellationToken cancellationToken) =>
        (RedisValue[])(await redis.CallAsync(db => db.ExecuteAsync("CONFIG", "GET", name), cancellationToken))! is [_, var value] ? (string?)value : null;

    private static async Task<Dictionary<string, string>> InfoAsync(RedisConnection redis, CancellationToken cancellationToken) =>
        ((string)(await redis.CallAsync(db => db.ExecuteAsync("INFO"), cancellationToken))!).Split('\n')
            .Select(line => line.TrimEnd('\r').Split(':', 2)).Where(pair => pair.Length == 2).DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => pair[1]);
}
