using System.Globalization;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>SQLite: the folder can be written, the file is sound and of this version.</summary>
internal static class SqliteCheckup
{
    private const string Part = "sqlite";

    public static void Run(string? prefix, WorkerOptions options, List<Finding> findings)
    {
        SQLitePCL.Batteries_V2.Init();
        var path = Path.GetFullPath(Path.Combine(options.DataPath, "checkpoints.db"));
        findings.Add(CheckFolder(Path.GetDirectoryName(path)!));
        if (!File.Exists(path))
        {
            findings.Add(new Finding(Severity.Ok, Part, "file", "It does not exist yet; the worker makes it."));
            return;
        }

        var sql = new SqliteSql(options.TablePrefix);
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        try
        {
            connection.Open();
            var check = (string)Scalar("/* doctor.quick_check */ PRAGMA quick_check(1)");
            findings.Add(check == "ok"
                ? new Finding(Severity.Ok, Part, "file", "It is sound.")
                : new Finding(Severity.Error, Part, "file", $"It is damaged: {check}", "Restore it from a backup, and back-fill from Redis."));
            var mode = (string)Scalar("/* doctor.journal */ PRAGMA journal_mode");
            findings.Add(mode == "wal"
                ? new Finding(Severity.Ok, Part, "journal_mode", mode)
                : new Finding(Severity.Warning, Part, "journal_mode", $"{mode}; the worker uses wal.", "Check that the disk is a local one: wal does not work on network file systems."));
            var known = Migrations.Load("Sqlite", options.TablePrefix, options.TablePrefix)[^1].Version;
            var version = VersionOf();
            findings.Add(PostgresCheckup.SchemaFinding(Part, version, known));
            if (prefix is not null && version == known)
            {
                var owner = (string)Scalar(sql.PrefixRead);
                findings.Add(PostgresCheckup.OwnerFinding(Part, owner.Length > 0 ? owner : null, prefix, options.TablePrefix));
            }
        }
        catch (SqliteException e)
        {
            findings.Add(new Finding(Severity.Error, Part, "file", $"It cannot be read: {e.Message}", "Restore it from a backup, and back-fill from Redis."));
        }

        int VersionOf() =>
            Convert.ToInt32(Scalar(sql.TableExists), CultureInfo.InvariantCulture) == 0 ? 0 : Convert.ToInt32(Scalar(sql.VersionRead), CultureInfo.InvariantCulture);

        object Scalar(string text)
        {
            using var statement = new SqliteStatement(connection, text);
            using var reader = statement.Query(null);
            return reader.Read() ? reader.GetValue(0) : "";
        }
    }

    private static Finding CheckFolder(string folder)
    {
        try
        {
            var existing = folder;
            while (!Directory.Exists(existing))
            {
                if (File.Exists(existing))
                {
                    throw new IOException($"'{existing}' is a file.");
                }

                existing = Path.GetDirectoryName(existing)!;
            }

            var probe = Path.Combine(existing, $".doctor-{Guid.NewGuid():N}");
            File.Create(probe).Dispose();
            File.Delete(probe);
            return new Finding(Severity.Ok, Part, "folder", "It can be written.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentNullException)
        {
            return new Finding(Severity.Error, Part, "folder", $"Worker:DataPath cannot be written: {e.Message}", "Give the worker's account the right to, or set another folder.");
        }
    }
}
