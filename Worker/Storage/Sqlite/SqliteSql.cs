namespace AsyncCheckpoints.Worker.Storage.Sqlite;

/// <summary>The SQLite archive's statements. Parameters are numbered; times are microseconds since 1970.</summary>
/// <param name="tables">The table prefix; checked to be an identifier.</param>
internal sealed partial class SqliteSql(string tables)
{
    /// <summary>The SQL name of <see cref="Contracts.MetadataFilter"/>.</summary>
    public const string MatchFunction = "checkpoint_matches";

    public const string Ping = "/* archive.ping */ SELECT 1";

    /// <summary>1 when something was in the way.</summary>
    public const string EmptyLog = "/* archive.empty_log */ PRAGMA wal_checkpoint(TRUNCATE)";

    /// <summary>?1 id of the probe, ?2 now.</summary>
    public IReadOnlyList<string> ProbeAdd { get; } =
    [
        $"/* archive.probe */ INSERT INTO {tables}inbox (command_id, received_at) VALUES (?1, ?2)",
        $"""
        /* archive.probe */
        INSERT INTO {tables}checkpoints (
            execution_id, namespace, checkpoint_id, sequence, version, created_at, archived_at, node_name, content_type,
            state_sha256, state)
        VALUES (?1, '', ?1, 1, 0, ?2, ?2, '', '', x'', x'')
        """,
        $"""
        /* archive.probe */
        INSERT INTO {tables}tombstones (execution_id, scope, namespace, checkpoint_id, sequence, created_at)
        VALUES (?1, 2, '', ?1, 1, ?2)
        """,
        $"""
        /* archive.probe */
        INSERT INTO {tables}dead_letters (letter_id, reason, content_type, body, created_at) VALUES (?1, '', '', x'', ?2)
        """,
        $"""
        /* archive.probe */
        INSERT INTO {tables}outbox (kind, changes, lease_owner, due_at, created_at) VALUES (1, '[]', ?1, ?2, ?2)
        """,
    ];

    /// <summary>?1 id of the probe.</summary>
    public IReadOnlyList<string> ProbeRemove { get; } =
    [
        $"/* archive.probe_remove */ DELETE FROM {tables}inbox WHERE command_id = ?1",
        $"/* archive.probe_remove */ DELETE FROM {tables}checkpoints WHERE execution_id = ?1",
        $"/* archive.probe_remove */ DELETE FROM {tables}tombstones WHERE execution_id = ?1",
        $"/* archive.probe_remove */ DELETE FROM {tables}dead_letters WHERE letter_id = ?1",
        $"/* archive.probe_remove */ DELETE FROM {tables}outbox WHERE delivered_at IS NULL AND lease_owner = ?1",
    ];

    public string TableExists { get; } = $"""
        /* migration.table_exists */
        SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{tables}schema_version'
        """;

    public string VersionTable { get; } = $"""
        /* migration.table */
        CREATE TABLE {tables}schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)
        """;

    public string VersionRead { get; } = $"/* migration.version */ SELECT coalesce(max(v.version), 0) FROM {tables}schema_version AS v";

    public string VersionAdd { get; } = $"""
        /* migration.applied */
        INSERT INTO {tables}schema_version (version, name, applied_at) VALUES (?1, ?2, ?3)
        """;

    public string PrefixAdd { get; } = $"/* installation.add */ INSERT INTO {tables}installation (name, value) VALUES ('prefix', ?1) ON CONFLICT DO NOTHING";

    public string PrefixRead { get; } = $"/* installation.read */ SELECT i.value FROM {tables}installation AS i WHERE i.name = 'prefix'";

    public string InboxAdd { get; } = $"""
        /* inbox.add */
        INSERT INTO {tables}inbox (command_id, received_at) VALUES (?1, ?2) ON CONFLICT (command_id) DO NOTHING
        """;

    /// <summary>?1 execution, ?2 namespace, ?3 id, ?4 sequence, ?5 version, ?6 created, ?7 archived, ?8 parent, ?9 node, ?10 content type, ?11 hash, ?12 metadata, ?13 state.</summary>
    public string Save { get; } = $"""
        /* checkpoint.save */
        INSERT INTO {tables}checkpoints (
            execution_id, namespace, checkpoint_id, sequence, version, created_at, archived_at, parent_id, node_name,
            content_type, state_sha256, metadata, state)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
        WHERE NOT EXISTS ({Covering(tables)})
        ON CONFLICT (execution_id, namespace, checkpoint_id) DO UPDATE SET
            sequence = excluded.sequence, version = excluded.version, created_at = excluded.created_at,
            archived_at = excluded.archived_at, parent_id = excluded.parent_id, node_name = excluded.node_name,
            content_type = excluded.content_type, state_sha256 = excluded.state_sha256,
            metadata = excluded.metadata, state = excluded.state
        WHERE sequence < excluded.sequence
        """;

    /// <summary>?1 execution, ?2 namespace, ?3 id, ?4 sequence.</summary>
    public string IsCovered { get; } = $"/* tombstone.covers */ SELECT EXISTS ({Covering(tables)})";

    /// <summary>?1 execution, ?2 scope, ?3 namespace, ?4 id, ?5 sequence, ?6 now.</summary>
    public string TombstoneAdd { get; } = $"""
        /* tombstone.add */
        INSERT INTO {tables}tombstones (execution_id, scope, namespace, checkpoint_id, sequence, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (execution_id, scope, namespace, checkpoint_id) DO UPDATE SET
            sequence = max(sequence, excluded.sequence), created_at = excluded.created_at
        """;

    /// <summary>?1 execution, ?2 namespace, ?3 id, ?4 sequence.</summary>
    public IReadOnlyDictionary<TombstoneScope, string> Holds { get; } =
        Enum.GetValues<TombstoneScope>().ToDictionary(
            scope => scope,
            scope => $"/* tombstone.holds */ SELECT EXISTS (SELECT 1 FROM {tables}checkpoints WHERE {Covered(scope)})");

    /// <summary>?1 execution, ?2 namespace, ?3 id, ?4 sequence.</summary>
    public IReadOnlyDictionary<TombstoneScope, string> Delete { get; } =
        Enum.GetValues<TombstoneScope>().ToDictionary(
            scope => scope,
            scope => $"/* checkpoint.delete */ DELETE FROM {tables}checkpoints WHERE {Covered(scope)}");

    /// <summary>?1 prefix, ?2 to ?5 the key behind which to start, ?6 limit.</summary>
    public string TombstoneList { get; } = $"""
        /* tombstone.list */
        SELECT t.execution_id, t.scope, t.namespace, t.checkpoint_id, t.sequence
        FROM {tables}tombstones AS t
        WHERE (t.execution_id, t.scope, t.namespace, t.checkpoint_id) > (?2, ?3, ?4, ?5) AND t.execution_id >= ?1
            AND substr(t.execution_id, 1, length(?1)) = ?1
        ORDER BY t.execution_id, t.scope, t.namespace, t.checkpoint_id
        LIMIT ?6
        """;

    /// <summary>?1 since when, ?2 to ?5 the key behind which to start, ?6 limit. The sign: the order must not tempt the planner to read the whole table.</summary>
    public string TombstoneSince { get; } = $"""
        /* tombstone.since */
        SELECT t.execution_id, t.scope, t.namespace, t.checkpoint_id, t.sequence
        FROM {tables}tombstones AS t
        WHERE t.created_at >= ?1 AND (+t.execution_id, t.scope, t.namespace, t.checkpoint_id) > (?2, ?3, ?4, ?5)
        ORDER BY +t.execution_id, t.scope, t.namespace, t.checkpoint_id
        LIMIT ?6
        """;

    public string OutboxAdd { get; } = $"""
        /* outbox.add */
        INSERT INTO {tables}outbox (kind, changes, due_at, created_at) VALUES (?1, ?2, ?3, ?3)
        """;

    /// <summary>
    /// ?1 owner, ?2 now, ?3 end of the lease, ?4 limit, ?5 kind. What nobody has in hand and is due later than any delay
    /// reaches (10 minutes) was due before the clock was set back.
    /// </summary>
    public string OutboxClaim { get; } = $"""
        /* outbox.claim */
        UPDATE {tables}outbox SET lease_owner = ?1, due_at = ?3, attempts = attempts + 1
        WHERE outbox_id IN (
            SELECT p.outbox_id FROM {tables}outbox AS p
            WHERE p.delivered_at IS NULL AND p.kind = ?5
                AND (p.due_at <= ?2 OR p.lease_owner IS NULL AND p.due_at > ?2 + 600000000)
            ORDER BY p.outbox_id
            LIMIT ?4)
        RETURNING outbox_id, kind, changes, attempts
        """;

    /// <summary>?1 owner, ?2 id, ?3 now.</summary>
    public string OutboxDelivered { get; } = $"""
        /* outbox.delivered */
        UPDATE {tables}outbox SET delivered_at = ?3, lease_owner = NULL, error = NULL
        WHERE outbox_id = ?2 AND lease_owner = ?1 AND delivered_at IS NULL
        """;

    /// <summary>?1 owner, ?2 id, ?3 when it is due again, ?4 error.</summary>
    public string OutboxRelease { get; } = $"""
        /* outbox.release */
        UPDATE {tables}outbox SET due_at = ?3, lease_owner = NULL, error = ?4
        WHERE outbox_id = ?2 AND lease_owner = ?1 AND delivered_at IS NULL
        """;

    public string NewestArrival { get; } = $"/* inbox.newest */ SELECT max(received_at) FROM {tables}inbox";

    public string NewestChange { get; } = $"/* archive.clock */ SELECT coalesce(max(o.outbox_id), 0) FROM {tables}outbox AS o";

    /// <summary>?1 row before which to start, ?2 limit.</summary>
    public string OutboxChanges { get; } = $"""
        /* outbox.changes */
        SELECT o.outbox_id, o.created_at, o.changes FROM {tables}outbox AS o WHERE o.outbox_id < ?1 ORDER BY o.outbox_id DESC LIMIT ?2
        """;

    /// <summary>?1 since when, ?2 row before which to start, ?3 limit. The sign as above.</summary>
    public string OutboxRepairsSince { get; } = $"""
        /* outbox.repairs */
        SELECT o.outbox_id, o.created_at, o.changes FROM {tables}outbox AS o
        WHERE o.delivered_at >= ?1 AND o.created_at < ?1 AND o.kind = 2 AND +o.outbox_id < ?2
        ORDER BY +o.outbox_id DESC
        LIMIT ?3
        """;

    public string OutboxStats { get; } = $"""
        /* outbox.stats */
        SELECT count(*), min(o.created_at) FROM {tables}outbox AS o WHERE o.delivered_at IS NULL
        """;

    /// <summary>?1 kind.</summary>
    public string OutboxHas { get; } = $"""
        /* outbox.has */
        SELECT EXISTS (SELECT 1 FROM {tables}outbox AS o WHERE o.delivered_at IS NULL AND o.kind = ?1)
        """;

    public string DeadLetterAdd { get; } = $"""
        /* dead_letter.add */
        INSERT INTO {tables}dead_letters (letter_id, reason, content_type, body, execution_id, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (letter_id) DO NOTHING
        """;

    /// <summary>?1 row before which to start, ?2 limit, ?3 whether bodies come along.</summary>
    public string DeadLetterList { get; } = $"""
        /* dead_letter.list */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, CASE WHEN ?3 THEN d.body ELSE x'' END, d.execution_id, d.created_at,
            length(d.body)
        FROM {tables}dead_letters AS d
        WHERE d.dead_letter_id < ?1
        ORDER BY d.dead_letter_id DESC
        LIMIT ?2
        """;

    /// <summary>?1 prefix, ?2 lower bound (exclusive), ?3 limit. Jumps from one execution to the next in the unique index.</summary>
    public string ExecutionFind { get; } = $"""
        /* execution.find */
        WITH RECURSIVE hop (execution_id) AS (
            SELECT (
                SELECT c.execution_id FROM {tables}checkpoints AS c
                WHERE c.execution_id >= ?1 AND c.execution_id > ?2 ORDER BY c.execution_id LIMIT 1)
            UNION ALL
            SELECT (
                SELECT c.execution_id FROM {tables}checkpoints AS c
                WHERE c.execution_id > h.execution_id ORDER BY c.execution_id LIMIT 1)
            FROM hop AS h
            WHERE substr(h.execution_id, 1, length(?1)) = ?1
        )
        SELECT h.execution_id FROM hop AS h WHERE substr(h.execution_id, 1, length(?1)) = ?1 LIMIT ?3
        """;

    /// <summary>?1 row.</summary>
    public string State { get; } = $"/* checkpoint.state */ SELECT c.state FROM {tables}checkpoints AS c WHERE c.row_id = ?1";

    public IReadOnlyList<string> Purge { get; } =
    [
        PurgeOf("inbox", tables, "command_id", "received_at"),
        PurgeOf("outbox", tables, "outbox_id", "delivered_at"),
        PurgeOf("tombstones", tables, "execution_id, scope, namespace, checkpoint_id", "created_at"),
    ];

    /// <summary>?1 execution. Its first and its last namespace.</summary>
    public string Namespaces { get; } = $"""
        /* checkpoint.namespaces */
        SELECT
            (SELECT c.namespace FROM {tables}checkpoints AS c WHERE c.execution_id = ?1 ORDER BY c.namespace LIMIT 1),
            (SELECT c.namespace FROM {tables}checkpoints AS c WHERE c.execution_id = ?1 ORDER BY c.namespace DESC LIMIT 1)
        """;

    /// <summary>
    /// ?1 execution, ?2 namespace, ?3 id, ?4 parent, ?5 node, ?6 and ?7 lowest and highest sequence, ?8 to ?10 the
    /// position behind which to start, ?11 metadata, ?12 limit. States are read row by row, so that their size can end
    /// the page.
    /// </summary>
    public string FindPage(bool allNamespaces, bool oldestFirst, bool byId)
    {
        var (direction, behind) = oldestFirst ? ("ASC", ">") : ("DESC", "<");
        var order = allNamespaces
            ? $"c.sequence {direction}, c.namespace {direction}, c.checkpoint_id {direction}"
            : $"c.sequence {direction}, c.checkpoint_id {direction}";
        return $"""
            /* checkpoint.find */
            SELECT c.row_id, c.execution_id, c.namespace, c.checkpoint_id, c.sequence, c.version, c.created_at, c.parent_id,
                c.node_name, c.content_type, c.metadata, length(c.state)
            FROM {tables}checkpoints AS c
            WHERE c.execution_id = ?1 AND {(allNamespaces ? "?2 IS NULL" : "c.namespace = ?2")}
                AND c.sequence BETWEEN ?6 AND ?7
                AND {(byId ? "c.checkpoint_id = ?3" : "?3 IS NULL")}
                AND (?4 IS NULL OR c.parent_id = ?4)
                AND (?5 IS NULL OR c.node_name = ?5)
                AND (?8 IS NULL OR (c.sequence, c.namespace, c.checkpoint_id) {behind} (?8, ?9, ?10))
                AND (?11 IS NULL OR {MatchFunction}(c.metadata, ?11))
            ORDER BY {order}
            LIMIT ?12 + 1
            """;
    }

    // Every parameter is named, so that all scopes take the same ones.
    private static string Covered(TombstoneScope scope) => scope switch
    {
        TombstoneScope.Execution => "execution_id = ?1 AND sequence <= ?4 AND ?2 IS NULL AND ?3 IS NULL",
        TombstoneScope.Namespace => "execution_id = ?1 AND namespace = ?2 AND sequence <= ?4 AND ?3 IS NULL",
        _ => "execution_id = ?1 AND namespace = ?2 AND checkpoint_id = ?3 AND sequence <= ?4",
    };

    private static string Covering(string tables) => $"""
        SELECT 1 FROM {tables}tombstones AS t
            WHERE t.execution_id = ?1 AND t.scope = 0 AND t.namespace = '' AND t.checkpoint_id = '' AND t.sequence >= ?4
            UNION ALL
            SELECT 1 FROM {tables}tombstones AS t
            WHERE t.execution_id = ?1 AND t.scope = 1 AND t.namespace = ?2 AND t.checkpoint_id = '' AND t.sequence >= ?4
            UNION ALL
            SELECT 1 FROM {tables}tombstones AS t
            WHERE t.execution_id = ?1 AND t.scope = 2 AND t.namespace = ?2 AND t.checkpoint_id = ?3 AND t.sequence >= ?4
        """;

    private static string PurgeOf(string table, string tables, string key, string column) => $"""
        /* {table}.purge */
        DELETE FROM {tables}{table}
        WHERE ({key}) IN (SELECT {key} FROM {tables}{table} WHERE {column} < ?1 LIMIT ?2)
        """;
}
