namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>The PostgreSQL archive's statements. Parameters are positional, so the driver sends the text as it is.</summary>
/// <param name="tables">The quoted schema, a dot and the table prefix; checked to be identifiers.</param>
internal sealed partial class PostgresSql(string tables)
{
    private readonly Dictionary<(bool AllNamespaces, bool OldestFirst, bool IncludeState), string> _find = Find(tables);

    // To the end of the transaction.
    private const string RoomForBatch = "set_config('work_mem', '64MB', true) AS room";

    // Of a bucket in which a large execution is being deleted: the others of the batch do not wait for that. To the end of
    // the transaction, too.
    private const string ShortWait = "set_config('lock_timeout', '1s', true) AS wait";

    public const string Ping = "/* archive.ping */ SELECT 1";

    public const string Setting = "/* archive.setting */ SELECT current_setting($1)";

    public const string MigrationLock = "/* migration.lock */ SELECT pg_advisory_xact_lock($1)";

    public const string SchemaExists = "/* migration.schema_exists */ SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";

    public const string TableExists = "/* migration.table_exists */ SELECT to_regclass($1) IS NOT NULL";

    /// <summary>
    /// Locks the buckets of the batch's executions: $1 buckets ascending, $2 which of them exclusively. Held to the end of
    /// the transaction and taken before the next statement's snapshot, so that a save sees every tombstone that was
    /// committed, and a deletion every save. With the default work_mem, unnest would write batches above 4 MB to a temporary
    /// file and read them again.
    /// </summary>
    public string LockShared { get; } = $"""
        /* checkpoint.lock_shared */
        SELECT pg_advisory_xact_lock_shared(b.bucket) FROM {RoomForBatch}, {ShortWait}, unnest($1::bigint[]) AS b (bucket)
        """;

    public string LockMixed { get; } = $"""
        /* checkpoint.lock_mixed */
        SELECT CASE WHEN b.exclusive THEN pg_advisory_xact_lock(b.bucket)::text ELSE pg_advisory_xact_lock_shared(b.bucket)::text END
        FROM {RoomForBatch}, {ShortWait}, unnest($1::bigint[], $2::boolean[]) AS b (bucket, exclusive)
        """;

    /// <summary>$1 id of the probe.</summary>
    public string ProbeAdd { get; } = $"""
        /* archive.probe */
        WITH command AS (
            INSERT INTO {tables}inbox (command_id) VALUES ($1)
        ), checkpoint AS (
            INSERT INTO {tables}checkpoints (
                execution_id, namespace, checkpoint_id, sequence, version, created_at, node_name, content_type, state_sha256, state)
            VALUES ($1, '', $1, 1, 0, now(), '', '', '', '')
            ON CONFLICT (execution_id, namespace, checkpoint_id) DO UPDATE SET sequence = excluded.sequence
        ), tombstone AS (
            INSERT INTO {tables}tombstones (execution_id, scope, namespace, checkpoint_id, sequence) VALUES ($1, 2, '', $1, 1)
            ON CONFLICT (execution_id, scope, namespace, checkpoint_id) DO UPDATE SET sequence = excluded.sequence
        ), letter AS (
            INSERT INTO {tables}dead_letters (letter_id, reason, content_type, body) VALUES ($1, '', '', '')
        )
        INSERT INTO {tables}outbox (kind, changes, lease_owner) VALUES (1, '[]', $1)
        """;

    /// <summary>$1 id of the probe.</summary>
    public string ProbeRemove { get; } = $"""
        /* archive.probe_remove */
        WITH command AS (
            DELETE FROM {tables}inbox WHERE command_id = $1
        ), checkpoint AS (
            DELETE FROM {tables}checkpoints WHERE execution_id = $1
        ), tombstone AS (
            DELETE FROM {tables}tombstones WHERE execution_id = $1
        ), letter AS (
            DELETE FROM {tables}dead_letters WHERE letter_id = $1
        )
        DELETE FROM {tables}outbox WHERE delivered_at IS NULL AND lease_owner = $1
        """;

    public string InboxAdd { get; } = $"""
        /* inbox.add */
        INSERT INTO {tables}inbox (command_id)
        SELECT n.command_id FROM unnest($1::text[]) AS n (command_id)
        ON CONFLICT (command_id) DO NOTHING
        RETURNING command_id
        """;

    /// <summary>
    /// $1 new command ids; $2 to $14 the saves, sorted by key; $15 to $19 the keys that Redis does not have;
    /// $20 and $21 the deletions for the outbox, events and cache.
    /// </summary>
    public string Save { get; } = $"""
        /* checkpoint.save */
        WITH fresh AS (
            INSERT INTO {tables}inbox (command_id)
            SELECT n.command_id FROM unnest($1::text[]) AS n (command_id)
            ON CONFLICT (command_id) DO NOTHING
            RETURNING command_id
        ), saved AS (
            INSERT INTO {tables}checkpoints AS c (
                execution_id, namespace, checkpoint_id, sequence, version, created_at, parent_id, node_name, content_type,
                state_sha256, metadata, state)
            SELECT i.execution_id, i.namespace, i.checkpoint_id, i.sequence, i.version, i.created_at, i.parent_id,
                i.node_name, i.content_type, i.state_sha256, i.metadata, i.state
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[],
                $9::text[], $10::text[], $11::text[], $12::bytea[], $13::jsonb[], $14::bytea[]) WITH ORDINALITY AS i (
                command_id, execution_id, namespace, checkpoint_id, sequence, version, created_at, parent_id, node_name,
                content_type, state_sha256, metadata, state, position)
            WHERE (i.command_id IS NULL OR i.command_id IN (SELECT f.command_id FROM fresh AS f))
                {NotDeleted(tables)}
            ORDER BY i.position
            ON CONFLICT (execution_id, namespace, checkpoint_id) DO UPDATE SET
                sequence = excluded.sequence, version = excluded.version, created_at = excluded.created_at,
                archived_at = excluded.archived_at, parent_id = excluded.parent_id, node_name = excluded.node_name,
                content_type = excluded.content_type, state_sha256 = excluded.state_sha256,
                metadata = excluded.metadata, state = excluded.state
            WHERE c.sequence < excluded.sequence
            RETURNING c.execution_id, c.namespace, c.checkpoint_id, c.sequence, c.node_name
        ), uncached AS (
            SELECT i.execution_id, i.namespace, i.checkpoint_id, i.sequence
            FROM unnest($15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[]) AS i (
                command_id, execution_id, namespace, checkpoint_id, sequence)
            WHERE (i.command_id IS NULL OR i.command_id IN (SELECT f.command_id FROM fresh AS f))
                {NotDeleted(tables)}
        ), events AS (
            INSERT INTO {tables}outbox (kind, changes)
            SELECT 1, json_agg(e.change)
            FROM (
                SELECT d.value AS change FROM json_array_elements($20::json) AS d (value)
                UNION ALL
                SELECT json_build_object('x', s.execution_id, 'n', s.namespace, 'c', s.checkpoint_id, 's', s.sequence,
                    'node', s.node_name) FROM saved AS s) AS e
            HAVING count(*) > 0
        ), cache AS (
            INSERT INTO {tables}outbox (kind, changes)
            SELECT 2, json_agg(e.change)
            FROM (
                SELECT d.value AS change FROM json_array_elements($21::json) AS d (value)
                UNION ALL
                SELECT json_build_object('x', u.execution_id, 'n', u.namespace, 'c', u.checkpoint_id, 's', u.sequence,
                    'node', '') FROM uncached AS u) AS e
            HAVING count(*) > 0
        )
        SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM saved)
        """;

    /// <summary>$1 to $5 the tombstones, sorted, each scope once. Returns the positions of those that deleted something.</summary>
    public string TombstoneApply { get; } = $"""
        /* tombstone.apply */
        WITH input AS (
            SELECT i.execution_id, i.scope, i.namespace, i.checkpoint_id, i.sequence, i.position
            FROM unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY AS i (
                execution_id, scope, namespace, checkpoint_id, sequence, position)
        ), kept AS (
            INSERT INTO {tables}tombstones AS t (execution_id, scope, namespace, checkpoint_id, sequence)
            SELECT i.execution_id, i.scope, i.namespace, i.checkpoint_id, i.sequence FROM input AS i ORDER BY i.position
            ON CONFLICT (execution_id, scope, namespace, checkpoint_id) DO UPDATE SET
                sequence = greatest(t.sequence, excluded.sequence), created_at = excluded.created_at
        ), of_execution AS (
            DELETE FROM {tables}checkpoints AS c USING input AS i
            WHERE i.scope = 0 AND c.execution_id = i.execution_id AND c.sequence <= i.sequence
            RETURNING c.execution_id, c.namespace, c.checkpoint_id
        ), of_namespace AS (
            DELETE FROM {tables}checkpoints AS c USING input AS i
            WHERE i.scope = 1 AND c.execution_id = i.execution_id AND c.namespace = i.namespace AND c.sequence <= i.sequence
            RETURNING c.execution_id, c.namespace, c.checkpoint_id
        ), of_checkpoint AS (
            DELETE FROM {tables}checkpoints AS c USING input AS i
            WHERE i.scope = 2 AND c.execution_id = i.execution_id AND c.namespace = i.namespace
                AND c.checkpoint_id = i.checkpoint_id AND c.sequence <= i.sequence
            RETURNING c.execution_id, c.namespace, c.checkpoint_id
        )
        SELECT i.position,
            CASE i.scope
                WHEN 0 THEN EXISTS (
                    SELECT FROM {tables}checkpoints AS c
                    WHERE c.execution_id = i.execution_id AND c.sequence <= i.sequence)
                WHEN 1 THEN EXISTS (
                    SELECT FROM {tables}checkpoints AS c
                    WHERE c.execution_id = i.execution_id AND c.namespace = i.namespace AND c.sequence <= i.sequence)
                ELSE EXISTS (
                    SELECT FROM {tables}checkpoints AS c
                    WHERE c.execution_id = i.execution_id AND c.namespace = i.namespace
                        AND c.checkpoint_id = i.checkpoint_id AND c.sequence <= i.sequence)
            END,
            (SELECT count(*) FROM (
                SELECT * FROM of_execution UNION ALL SELECT * FROM of_namespace UNION ALL SELECT * FROM of_checkpoint) AS d)
        FROM input AS i
        ORDER BY i.position
        """;

    /// <summary>$1 prefix, $2 to $5 the key behind which to start, $6 limit.</summary>
    public string TombstoneList { get; } = $"""
        /* tombstone.list */
        SELECT t.execution_id, t.scope, t.namespace, t.checkpoint_id, t.sequence
        FROM {tables}tombstones AS t
        WHERE (t.execution_id, t.scope, t.namespace, t.checkpoint_id) > ($2, $3, $4, $5) AND t.execution_id >= $1 AND starts_with(t.execution_id, $1)
        ORDER BY t.execution_id, t.scope, t.namespace, t.checkpoint_id
        LIMIT $6
        """;

    /// <summary>
    /// $1 since when, $2 to $5 the key behind which to start, $6 limit. Materialized: the order must not tempt the planner to read
    /// the whole table by its key.
    /// </summary>
    public string TombstoneSince { get; } = $"""
        /* tombstone.since */
        WITH recent AS MATERIALIZED (
            SELECT t.execution_id, t.scope, t.namespace, t.checkpoint_id, t.sequence
            FROM {tables}tombstones AS t
            WHERE t.created_at >= $1
        )
        SELECT r.execution_id, r.scope, r.namespace, r.checkpoint_id, r.sequence
        FROM recent AS r
        WHERE (r.execution_id, r.scope, r.namespace, r.checkpoint_id) > ($2, $3, $4, $5)
        ORDER BY r.execution_id, r.scope, r.namespace, r.checkpoint_id
        LIMIT $6
        """;

    public string DeadLetterAdd { get; } = $"""
        /* dead_letter.add */
        INSERT INTO {tables}dead_letters (letter_id, reason, content_type, body, execution_id)
        SELECT i.letter_id, i.reason, i.content_type, i.body, i.execution_id
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[]) AS i (
            letter_id, reason, content_type, body, execution_id)
        ON CONFLICT (letter_id) DO NOTHING
        """;

    /// <summary>$1 row before which to start, $2 limit, $3 whether bodies come along.</summary>
    public string DeadLetterList { get; } = $"""
        /* dead_letter.list */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, CASE WHEN $3 THEN d.body ELSE ''::bytea END, d.execution_id, d.created_at,
            octet_length(d.body)
        FROM {tables}dead_letters AS d
        WHERE d.dead_letter_id < $1
        ORDER BY d.dead_letter_id DESC
        LIMIT $2
        """;

    /// <summary>$1 prefix, $2 lower bound (inclusive), $3 lower bound (exclusive), $4 limit. Jumps from one execution to the next in the primary key.</summary>
    public string ExecutionFind { get; } = $"""
        /* execution.find */
        WITH RECURSIVE hop AS (
            (SELECT c.execution_id FROM {tables}checkpoints AS c
            WHERE c.execution_id >= $2 AND c.execution_id > $3
            ORDER BY c.execution_id LIMIT 1)
            UNION ALL
            SELECT (
                SELECT c.execution_id FROM {tables}checkpoints AS c
                WHERE c.execution_id > h.execution_id ORDER BY c.execution_id LIMIT 1)
            FROM hop AS h
            WHERE starts_with(h.execution_id, $1)
        )
        SELECT h.execution_id FROM hop AS h WHERE starts_with(h.execution_id, $1) LIMIT $4
        """;

    /// <summary>
    /// $1 owner, $2 lease, $3 limit, $4 kind. What nobody has in hand and is due later than any delay reaches was due before
    /// the clock was set back.
    /// </summary>
    public string OutboxClaim { get; } = $"""
        /* outbox.claim */
        UPDATE {tables}outbox AS o
        SET lease_owner = $1, due_at = now() + $2, attempts = o.attempts + 1
        WHERE o.outbox_id = ANY (ARRAY(
            SELECT p.outbox_id FROM {tables}outbox AS p
            WHERE p.delivered_at IS NULL AND p.kind = $4
                AND (p.due_at <= now() OR p.lease_owner IS NULL AND p.due_at > now() + interval '10 minutes')
            ORDER BY p.outbox_id
            LIMIT $3
            FOR UPDATE SKIP LOCKED))
        RETURNING o.outbox_id, o.kind, o.changes, o.attempts
        """;

    public string OutboxDelivered { get; } = $"""
        /* outbox.delivered */
        UPDATE {tables}outbox
        SET delivered_at = now(), lease_owner = NULL, error = NULL
        WHERE outbox_id = ANY ($2) AND lease_owner = $1 AND delivered_at IS NULL
        """;

    public string OutboxRelease { get; } = $"""
        /* outbox.release */
        UPDATE {tables}outbox
        SET due_at = now() + $3, lease_owner = NULL, error = $4
        WHERE outbox_id = ANY ($2) AND lease_owner = $1 AND delivered_at IS NULL
        """;

    public string Clock { get; } = $"/* archive.clock */ SELECT now(), coalesce((SELECT max(o.outbox_id) FROM {tables}outbox AS o), 0)";

    /// <summary>$1 row before which to start, $2 limit.</summary>
    public string OutboxChanges { get; } = $"""
        /* outbox.changes */
        SELECT o.outbox_id, o.created_at, o.changes FROM {tables}outbox AS o WHERE o.outbox_id < $1 ORDER BY o.outbox_id DESC LIMIT $2
        """;

    /// <summary>$1 since when, $2 row before which to start, $3 limit. Materialized as above.</summary>
    public string OutboxRepairsSince { get; } = $"""
        /* outbox.repairs */
        WITH repairs AS MATERIALIZED (
            SELECT o.outbox_id FROM {tables}outbox AS o WHERE o.delivered_at >= $1 AND o.created_at < $1 AND o.kind = 2
        )
        SELECT o.outbox_id, o.created_at, o.changes
        FROM {tables}outbox AS o
        WHERE o.outbox_id IN (SELECT r.outbox_id FROM repairs AS r WHERE r.outbox_id < $2 ORDER BY r.outbox_id DESC LIMIT $3)
        ORDER BY o.outbox_id DESC
        """;

    public string OutboxStats { get; } = $"""
        /* outbox.stats */
        SELECT count(*), coalesce(greatest(now() - min(o.created_at), interval '0'), interval '0')
        FROM {tables}outbox AS o
        WHERE o.delivered_at IS NULL
        """;

    /// <summary>$1 kind.</summary>
    public string OutboxHas { get; } = $"""
        /* outbox.has */
        SELECT EXISTS (SELECT 1 FROM {tables}outbox AS o WHERE o.delivered_at IS NULL AND o.kind = $1)
        """;

    public string NewestArrival { get; } = $"/* inbox.newest */ SELECT max(i.received_at) FROM {tables}inbox AS i";

    public string InboxPurge { get; } = Purge("inbox", tables, "received_at");

    public string OutboxPurge { get; } = Purge("outbox", tables, "delivered_at");

    public string TombstonePurge { get; } = Purge("tombstones", tables, "created_at");

    public string VersionTable { get; } = $"""
        /* migration.table */
        CREATE TABLE {tables}schema_version (
            version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
        """;

    public string VersionRead { get; } = $"/* migration.version */ SELECT coalesce(max(v.version), 0) FROM {tables}schema_version AS v";

    public string VersionAdd { get; } = $"/* migration.applied */ INSERT INTO {tables}schema_version (version, name) VALUES ($1, $2)";

    public string PrefixAdd { get; } = $"/* installation.add */ INSERT INTO {tables}installation (name, value) VALUES ('prefix', $1) ON CONFLICT DO NOTHING";

    public string PrefixRead { get; } = $"/* installation.read */ SELECT i.value FROM {tables}installation AS i WHERE i.name = 'prefix'";

    /// <summary>
    /// $1 execution, $2 namespace, $3 id, $4 parent, $5 node, $6 and $7 lowest and highest sequence, $8 to $10 the
    /// position behind which to start, $11 metadata, $12 its arrays with their paths, $13 limit, $14 bytes.
    /// </summary>
    public string FindPage(bool allNamespaces, bool oldestFirst, bool includeState) => _find[(allNamespaces, oldestFirst, includeState)];

    // OFFSET 0 keeps the tombstones a look-up by key for each row: a cached plan that joins them was made for few and would
    // compare each row with all.
    private static string NotDeleted(string tables) => $"""
        AND NOT EXISTS (
            SELECT FROM {tables}tombstones AS t
            WHERE t.execution_id = i.execution_id AND t.scope = 0 AND t.sequence >= i.sequence OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM {tables}tombstones AS t
            WHERE t.execution_id = i.execution_id AND t.scope = 1 AND t.namespace = i.namespace
                AND t.sequence >= i.sequence OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM {tables}tombstones AS t
            WHERE t.execution_id = i.execution_id AND t.scope = 2 AND t.namespace = i.namespace
                AND t.checkpoint_id = i.checkpoint_id AND t.sequence >= i.sequence OFFSET 0)
        """;

    // $2 is the rows' limit; an array of ctids makes it one scan by address. The order has the planner take the index: a plan
    // for any age expects old rows everywhere, and would read the table from its start for the first few.
    private static string Purge(string table, string tables, string column) => $"""
        /* {table}.purge */
        DELETE FROM {tables}{table}
        WHERE ctid = ANY (ARRAY(
            SELECT p.ctid FROM {tables}{table} AS p
            WHERE p.{column} < now() - $1 ORDER BY p.{column} LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    private static Dictionary<(bool AllNamespaces, bool OldestFirst, bool IncludeState), string> Find(string tables)
    {
        var texts = new Dictionary<(bool, bool, bool), string>();
        for (var i = 0; i < 8; i++)
        {
            var key = ((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
            texts[key] = Find(tables, key.Item1, key.Item2, key.Item3);
        }

        return texts;
    }

    private static string Find(string tables, bool allNamespaces, bool oldestFirst, bool includeState)
    {
        var (direction, behind) = oldestFirst ? ("ASC", ">") : ("DESC", "<");
        var (state, size) = includeState ? ("c.state", "octet_length(c.state)") : ("''::bytea", "0");

        // @> finds a superset: it takes an array for a set. So the filter's arrays are compared as they are; that the
        // parents on their paths are objects is already known from @>.
        var match = $"""
            SELECT c.execution_id, c.namespace, c.checkpoint_id, c.sequence, c.version, c.created_at, c.parent_id,
                c.node_name, c.content_type, c.metadata, {state} AS state, {size} AS size
            FROM {tables}checkpoints AS c
            WHERE c.execution_id = $1 AND c.namespace = {(allNamespaces ? "n.namespace" : "$2")}
                AND c.sequence BETWEEN $6 AND $7
                AND ($3 IS NULL OR c.checkpoint_id = $3)
                AND ($4 IS NULL OR c.parent_id = $4)
                AND ($5 IS NULL OR c.node_name = $5)
                AND ($8 IS NULL OR (c.sequence, c.namespace, c.checkpoint_id) {behind} ($8, $9, $10))
                AND ($11 IS NULL OR c.metadata @> $11 AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements($12) AS e (item)
                    WHERE c.metadata #> ARRAY(SELECT jsonb_array_elements_text(e.item -> 'path')) IS DISTINCT FROM e.item -> 'value'))
            ORDER BY c.sequence {direction}, c.namespace {direction}, c.checkpoint_id {direction}
            LIMIT $13 + 1
            """;
        var source = !allNamespaces ? match : $"""
            SELECT m.execution_id, m.namespace, m.checkpoint_id, m.sequence, m.version, m.created_at, m.parent_id,
                m.node_name, m.content_type, m.metadata, m.state, m.size
            FROM names AS n CROSS JOIN LATERAL ({match}) AS m
            WHERE n.namespace IS NOT NULL
            ORDER BY m.sequence {direction}, m.namespace {direction}, m.checkpoint_id {direction}
            LIMIT $13 + 1
            """;
        var names = !allNamespaces ? "" : $"""
            WITH RECURSIVE names AS (
                (SELECT c.namespace FROM {tables}checkpoints AS c WHERE c.execution_id = $1 ORDER BY c.namespace LIMIT 1)
                UNION ALL
                SELECT (
                    SELECT c.namespace FROM {tables}checkpoints AS c
                    WHERE c.execution_id = $1 AND c.namespace > h.namespace ORDER BY c.namespace LIMIT 1)
                FROM names AS h
                WHERE h.namespace IS NOT NULL
            )
            """;

        // A state out of line is a pointer until it is sent, so the rows behind the bound cost nothing.
        return $"""
            /* checkpoint.find */
            {names}
            SELECT p.execution_id, p.namespace, p.checkpoint_id, p.sequence, p.version, p.created_at, p.parent_id,
                p.node_name, p.content_type, p.metadata, p.state, p.available
            FROM (
                SELECT f.*, row_number() OVER w AS place, sum(f.size) OVER w AS bytes, count(*) OVER () AS available
                FROM ({source}) AS f
                WINDOW w AS (ORDER BY f.sequence {direction}, f.namespace {direction}, f.checkpoint_id {direction}
                    ROWS UNBOUNDED PRECEDING)) AS p
            WHERE p.place <= $13 AND (p.place = 1 OR p.bytes <= $14)
            ORDER BY p.place
            """;
    }
}
