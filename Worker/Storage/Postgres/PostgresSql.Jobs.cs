namespace AsyncCheckpoints.Worker.Storage.Postgres;

internal sealed partial class PostgresSql
{
    private const string JobColumns =
        """
        j.job_id, j.kind, j.arguments, j.state, j.priority, j.attempts, j.max_attempts, j.items_per_second, j.cursor, j.done,
            j.total, j.rate, j.counts, j.findings, j.error, j.cancel_requested, j.created_at, j.scheduled_at, j.started_at,
            j.updated_at, j.finished_at
        """;

    /// <summary>$1 id, $2 kind, $3 arguments, $4 priority, $5 attempts, $6 items a second, $7 delay, $8 unique key.</summary>
    public string JobAdd { get; } = $"""
        /* job.add */
        INSERT INTO {tables}jobs (
            job_id, kind, arguments, state, priority, max_attempts, items_per_second, scheduled_at, unique_key)
        VALUES ($1, $2, $3, 'available', $4, $5, $6, now() + $7, $8)
        ON CONFLICT DO NOTHING
        """;

    /// <summary>$1 owner, $2 lease.</summary>
    public string JobClaim { get; } = $"""
        /* job.claim */
        UPDATE {tables}jobs AS j
        SET state = 'running', lease_owner = $1, leased_until = now() + $2, attempts = j.attempts + 1,
            started_at = coalesce(j.started_at, now()), updated_at = now()
        WHERE j.job_id = (
            SELECT p.job_id FROM {tables}jobs AS p
            WHERE p.finished_at IS NULL
                AND (p.state IN ('available', 'retryable') AND p.scheduled_at <= now()
                    OR p.state = 'running' AND p.leased_until < now())
            ORDER BY p.priority DESC, p.scheduled_at, p.job_id
            LIMIT 1
            FOR UPDATE SKIP LOCKED)
        RETURNING {JobColumns}
        """;

    /// <summary>$1 owner, $2 id, $3 cursor, $4 done, $5 total, $6 rate, $7 counts, $8 findings before, $9 to $11 findings, $12 lease.</summary>
    public string JobProgress { get; } = $"""
        /* job.progress */
        WITH held AS (
            UPDATE {tables}jobs AS j
            SET cursor = $3, attempts = CASE WHEN $4 > j.done THEN 1 ELSE j.attempts END, done = $4, total = $5, rate = $6,
                counts = $7, findings = $8 + cardinality($9::text[]), leased_until = now() + $12, updated_at = now()
            WHERE j.job_id = $2 AND j.lease_owner = $1 AND j.state = 'running'
            RETURNING j.job_id, j.cancel_requested
        ), added AS (
            INSERT INTO {tables}job_findings (job_id, position, kind, subject, detail)
            SELECT h.job_id, $8 + f.position, f.kind, f.subject, f.detail
            FROM held AS h CROSS JOIN unnest($9::text[], $10::text[], $11::text[]) WITH ORDINALITY AS f (kind, subject, detail, position)
            ON CONFLICT (job_id, position) DO NOTHING
        )
        SELECT h.cancel_requested FROM held AS h
        """;

    /// <summary>$1 owner, $2 id, $3 lease.</summary>
    public string JobExtend { get; } = $"""
        /* job.extend */
        UPDATE {tables}jobs AS j SET leased_until = now() + $3
        WHERE j.job_id = $2 AND j.lease_owner = $1 AND j.state = 'running'
        RETURNING j.cancel_requested
        """;

    /// <summary>$1 owner, $2 id, $3 state, $4 error, $5 delay.</summary>
    public string JobEnd { get; } = $"""
        /* job.end */
        UPDATE {tables}jobs AS j
        SET state = CASE WHEN j.cancel_requested AND $3 IN ('available', 'retryable') THEN 'cancelled' ELSE $3 END,
            error = $4, lease_owner = NULL, leased_until = NULL, scheduled_at = now() + $5, updated_at = now(),
            attempts = CASE WHEN $3 = 'available' THEN greatest(j.attempts - 1, 0) ELSE j.attempts END,
            finished_at = CASE WHEN j.cancel_requested OR $3 IN ('completed', 'cancelled', 'discarded') THEN now() END
        WHERE j.job_id = $2 AND j.lease_owner = $1 AND j.state = 'running'
        """;

    /// <summary>$1 id.</summary>
    public string JobCancel { get; } = $"""
        /* job.cancel */
        UPDATE {tables}jobs AS j
        SET cancel_requested = true, updated_at = now(),
            state = CASE WHEN j.state = 'running' AND j.leased_until >= now() THEN 'running' ELSE 'cancelled' END,
            finished_at = CASE WHEN j.state = 'running' AND j.leased_until >= now() THEN NULL ELSE now() END
        WHERE j.job_id = $1 AND j.finished_at IS NULL
        RETURNING {JobColumns}
        """;

    /// <summary>$1 id.</summary>
    public string JobGet { get; } = $"/* job.get */ SELECT {JobColumns} FROM {tables}jobs AS j WHERE j.job_id = $1";

    /// <summary>$1 state, $2 kind, $3 id before which to start, $4 limit.</summary>
    public string JobList { get; } = $"""
        /* job.list */
        SELECT {JobColumns} FROM {tables}jobs AS j
        WHERE ($1 IS NULL OR j.state = $1) AND ($2 IS NULL OR j.kind = $2) AND ($3 IS NULL OR j.job_id < $3)
        ORDER BY j.job_id DESC
        LIMIT $4
        """;

    /// <summary>$1 id, $2 position behind which to start, $3 limit.</summary>
    public string FindingList { get; } = $"""
        /* job.findings */
        SELECT f.position, f.kind, f.subject, f.detail FROM {tables}job_findings AS f
        WHERE f.job_id = $1 AND f.position > $2
        ORDER BY f.position
        LIMIT $3
        """;

    public string JobPurge { get; } = Purge("jobs", tables, "finished_at");

    /// <summary>$1 execution.</summary>
    public string CheckpointCountOf { get; } = $"/* checkpoint.count_of */ SELECT count(*) FROM {tables}checkpoints WHERE execution_id = $1";

    /// <summary>$1 prefix.</summary>
    public string CheckpointCount { get; } = $"""
        /* checkpoint.count */
        SELECT count(*) FROM {tables}checkpoints AS c WHERE c.execution_id >= $1 AND starts_with(c.execution_id, $1)
        """;

    public string CheckpointEstimate { get; } = $"""
        /* checkpoint.estimate */
        SELECT coalesce((SELECT k.reltuples::bigint FROM pg_class AS k WHERE k.oid = to_regclass('{tables}checkpoints')), 0)
        """;

    /// <summary>$1 execution, $2 and $3 lowest and highest sequence.</summary>
    public string HashList { get; } = $"""
        /* checkpoint.hashes */
        SELECT c.namespace, c.checkpoint_id, c.sequence, c.state_sha256 FROM {tables}checkpoints AS c
        WHERE c.execution_id = $1 AND c.sequence BETWEEN $2 AND $3
        """;

    /// <summary>$1 row.</summary>
    public string DeadLetterGet { get; } = $"""
        /* dead_letter.get */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, d.body, d.execution_id, d.created_at, octet_length(d.body)
        FROM {tables}dead_letters AS d WHERE d.dead_letter_id = $1
        """;

    /// <summary>$1 row behind which to start, $2 limit, $3 bytes of bodies, which are added up before any of them is read.</summary>
    public string DeadLetterNext { get; } = $"""
        /* dead_letter.next */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, d.body, d.execution_id, d.created_at, octet_length(d.body)
        FROM (
            SELECT s.dead_letter_id, s.bytes, sum(s.bytes) OVER (ORDER BY s.dead_letter_id) AS bytes_so_far
            FROM (
                SELECT n.dead_letter_id, octet_length(n.body) AS bytes FROM {tables}dead_letters AS n
                WHERE n.dead_letter_id > $1
                ORDER BY n.dead_letter_id
                LIMIT $2) AS s) AS p
        JOIN {tables}dead_letters AS d ON d.dead_letter_id = p.dead_letter_id
        WHERE p.bytes_so_far <= $3 OR p.bytes_so_far = p.bytes
        ORDER BY d.dead_letter_id
        """;

    /// <summary>$1 rows.</summary>
    public string DeadLetterRemove { get; } = $"/* dead_letter.remove */ DELETE FROM {tables}dead_letters WHERE dead_letter_id = ANY ($1)";

    public string Stats { get; } = $"""
        /* archive.stats */
        SELECT (SELECT count(*) FROM {tables}dead_letters), (SELECT count(*) FROM {tables}jobs AS j WHERE j.finished_at IS NULL),
            coalesce((SELECT pg_stat_get_tuples_inserted(k.oid) + pg_stat_get_tuples_updated(k.oid)
                FROM pg_class AS k WHERE k.oid = to_regclass('{tables}checkpoints')), 0)
        """;

    /// <summary>$1 actor, $2 action, $3 subject, $4 detail.</summary>
    public string AuditAdd { get; } = $"""
        /* audit.add */
        INSERT INTO {tables}audit (actor, action, subject, detail) VALUES ($1, $2, $3, $4)
        """;

    /// <summary>$1 row before which to start, $2 limit.</summary>
    public string AuditList { get; } = $"""
        /* audit.list */
        SELECT a.audit_id, a.actor, a.action, a.subject, a.detail, a.created_at FROM {tables}audit AS a
        WHERE a.audit_id < $1
        ORDER BY a.audit_id DESC
        LIMIT $2
        """;
}
