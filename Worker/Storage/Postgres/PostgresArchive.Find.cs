using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

internal sealed partial class PostgresArchive
{
    /// <inheritdoc />
    public async Task<ArchivePage> FindAsync(
        CheckpointQuery query, string? id, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        if (SequenceRange.Of(query, after) is not { } range)
        {
            return new ArchivePage([], false);
        }

        await using var command = _source.CreateCommand(_sql.FindPage(query.Namespace is null, query.OldestFirst, query.IncludeState));
        command.Parameters.Add(Text(query.ExecutionId));
        command.Parameters.Add(Text(query.Namespace));
        command.Parameters.Add(Text(id));
        command.Parameters.Add(Text(query.ParentId));
        command.Parameters.Add(Text(query.NodeName));
        command.Parameters.Add(Bigint(range.Lowest));
        command.Parameters.Add(Bigint(range.Highest));
        command.Parameters.Add(Bigint(after?.Sequence));
        command.Parameters.Add(Text(after?.Namespace));
        command.Parameters.Add(Text(after?.Id));
        command.Parameters.Add(Json(query.Metadata is { } filter ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(filter)) : null));
        command.Parameters.Add(Json(query.Metadata is { } exact ? ArraysOf(exact) : null));
        command.Parameters.Add(Bigint(query.Limit));
        command.Parameters.Add(Bigint(maxBytes));

        var items = new List<Checkpoint>();
        var available = 0L;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            items.Add(Read(reader));
            available = reader.GetInt64(11);
        }

        return new ArchivePage(items, available > items.Count);
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        ListTombstonesAsync(_sql.TombstoneList, Text(prefix), after, limit, cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<Tombstone>> ListTombstonesSinceAsync(DateTimeOffset since, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        ListTombstonesAsync(_sql.TombstoneSince, Parameter(since, NpgsqlDbType.TimestampTz), after, limit, cancellationToken);

    /// <inheritdoc />
    public async Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.ExecutionFind);
        command.Parameters.Add(Text(prefix));
        command.Parameters.Add(Text(prefix));
        command.Parameters.Add(Text(after ?? ""));
        command.Parameters.Add(Bigint(limit));
        var executions = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            executions.Add(reader.GetString(0));
        }

        return executions;
    }

    private Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(
        string sql, NpgsqlParameter which, Tombstone? after, int limit, CancellationToken cancellationToken) => QueryAsync(
        sql,
        static reader => CommitPlan.TombstoneOf(
            reader.GetString(0), (TombstoneScope)reader.GetInt16(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4)),
        cancellationToken,
        which,
        Text(after?.ExecutionId ?? ""),
        Integer(after is null ? -1 : (int)CommitPlan.ScopeOf(after)),
        Text(after?.Namespace ?? ""),
        Text(after?.Id ?? ""),
        Bigint(limit));

    private static NpgsqlParameter Json(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static Checkpoint Read(NpgsqlDataReader reader) => new()
    {
        ExecutionId = reader.GetString(0),
        Namespace = reader.GetString(1),
        Id = reader.GetString(2),
        Sequence = reader.GetInt64(3),
        Version = reader.GetInt64(4),
        CreatedAt = CheckpointCodec.FromMicroseconds(reader.GetFieldValue<long>(5) + PostgresEpoch),
        ParentId = reader.IsDBNull(6) ? null : reader.GetString(6),
        NodeName = reader.GetString(7),
        ContentType = reader.GetString(8),
        Metadata = JsonbText.Parse(reader.IsDBNull(9) ? null : reader.GetString(9)),
        State = reader.GetFieldValue<byte[]>(10),
    };

    // [{"path": ["a", "b"], "value": [1, 2]}, …]: the arrays of a filter and where they are.
    private static string ArraysOf(JsonElement filter)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            WriteArrays(writer, filter, new List<string>());
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteArrays(Utf8JsonWriter writer, JsonElement value, List<string> path)
    {
        foreach (var member in value.EnumerateObject())
        {
            path.Add(member.Name);
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                WriteArrays(writer, member.Value, path);
            }
            else if (member.Value.ValueKind == JsonValueKind.Array)
            {
                writer.WriteStartObject();
                writer.WriteStartArray("path");
                path.ForEach(writer.WriteStringValue);
                writer.WriteEndArray();
                writer.WritePropertyName("value");
                member.Value.WriteTo(writer);
                writer.WriteEndObject();
            }

            path.RemoveAt(path.Count - 1);
        }
    }
}
