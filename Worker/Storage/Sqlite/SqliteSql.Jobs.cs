namespace AsyncCheckpoints.Worker.Storage.Sqlite;

internal sealed partial class SqliteSql
{
    private const string JobColumns =
        """
        job_id, kind, arguments, state, priority, attempts, max_attempts, items_per_second, cursor, done, total, rate, counts,
            findings, error, cancel_requested, created_at, scheduled_at, started_at, updated_at, finished_at
        """;

    /// <summary>?1 id, ?2 kind, ?3 arguments, ?4 priority, ?5 attempts, ?6 items a second, ?7 due, ?8 unique key, ?9 now.</summary>
    public string JobAdd { get; } = $"""
        /* job.add */
        INSERT INTO {tables}jobs (
            job_id, kind, arguments, state, priority, max_attempts, items_per_second, scheduled_at, unique_key, created_at, updated_at)
        VALUES (?1, ?2, ?3, 'available', ?4, ?5, ?6, ?7, ?8, ?9, ?9)
        ON CONFLICT DO NOTHING
        """;

    /// <summary>?1 now.</summary>
    public string JobDue { get; } = $"""
        /* job.due */
        SELECT EXISTS (
            SELECT 1 FROM {tables}jobs
            WHERE finished_at IS NULL
                AND (state IN ('available', 'retryable') AND scheduled_at <= ?1 OR state = 'running' AND leased_until < ?1))
        """;

    /// <summary>?1 owner, ?2 now, ?3 end of the lease.</summary>
    public string JobClaim { get; } = $"""
        /* job.claim */
        UPDATE {tables}jobs
        SET state = 'running', lease_owner = ?1, leased_until = ?3, attempts = attempts + 1,
            started_at = coalesce(started_at, ?2), updated_at = ?2
        WHERE job_id = (
            SELECT p.job_id FROM {tables}jobs AS p
            WHERE p.finished_at IS NULL
                AND (p.state IN ('available', 'retryable') AND p.scheduled_at <= ?2 OR p.state = 'running' AND p.leased_until < ?2)
            ORDER BY p.priority DESC, p.scheduled_at, p.job_id
            LIMIT 1)
        RETURNING {JobColumns}
        """;

    /// <summary>?1 owner, ?2 id, ?3 cursor, ?4 done, ?5 total, ?6 rate, ?7 counts, ?8 findings, ?9 end of the lease, ?10 now.</summary>
    public string JobProgress { get; } = $"""
        /* job.progress */
        UPDATE {tables}jobs
        SET cursor = ?3, attempts = CASE WHEN ?4 > done THEN 1 ELSE attempts END, done = ?4, total = ?5, rate = ?6,
            counts = ?7, findings = ?8, leased_until = ?9, updated_at = ?10
        WHERE job_id = ?2 AND lease_owner = ?1 AND state = 'running'
        RETURNING cancel_requested
        """;

    /// <summary>?1 id, ?2 position, ?3 kind, ?4 subject, ?5 detail.</summary>
    public string FindingAdd { get; } = $"""
        /* job.finding_add */
        INSERT INTO {tables}job_findings (job_id, position, kind, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (job_id, position) DO NOTHING
        """;

    /// <summary>?1 owner, ?2 id, ?3 end of the lease.</summary>
    public string JobExtend { get; } = $"""
        /* job.extend */
        UPDATE {tables}jobs SET leased_until = ?3
        WHERE job_id = ?2 AND lease_owner = ?1 AND state = 'running'
        RETURNING cancel_requested
        """;

    /// <summary>?1 owner, ?2 id, ?3 state, ?4 error, ?5 due, ?6 now.</summary>
    public string JobEnd { get; } = $"""
        /* job.end */
        UPDATE {tables}jobs
        SET state = CASE WHEN cancel_requested AND ?3 IN ('available', 'retryable') THEN 'cancelled' ELSE ?3 END,
            error = ?4, lease_owner = NULL, leased_until = NULL, scheduled_at = ?5, updated_at = ?6,
            attempts = CASE WHEN ?3 = 'available' THEN max(attempts - 1, 0) ELSE attempts END,
            finished_at = CASE WHEN cancel_requested OR ?3 IN ('completed', 'cancelled', 'discarded') THEN ?6 END
        WHERE job_id = ?2 AND lease_owner = ?1 AND state = 'running'
        """;

    /// <summary>?1 id, ?2 now.</summary>
    public string JobCancel { get; } = $"""
        /* job.cancel */
        UPDATE {tables}jobs
        SET cancel_requested = 1, updated_at = ?2,
            state = CASE WHEN state = 'running' AND leased_until >= ?2 THEN 'running' ELSE 'cancelled' END,
            finished_at = CASE WHEN state = 'running' AND leased_until >= ?2 THEN NULL ELSE ?2 END
        WHERE job_id = ?1 AND finished_at IS NULL
        RETURNING {JobColumns}
        """;

    /// <summary>?1 id.</summary>
    public string JobGet { get; } = $"/* job.get */ SELECT {JobColumns} FROM {tables}jobs WHERE job_id = ?1";

    /// <summary>?1 state, ?2 kind, ?3 id before which to start, ?4 limit.</summary>
    public string JobList { get; } = $"""
        /* job.list */
        SELECT {JobColumns} FROM {tables}jobs
        WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR job_id < ?3)
        ORDER BY job_id DESC
        LIMIT ?4
        """;

    /// <summary>?1 id, ?2 position behind which to start, ?3 limit.</summary>
    public string FindingList { get; } = $"""
        /* job.findings */
        SELECT position, kind, subject, detail FROM {tables}job_findings
        WHERE job_id = ?1 AND position > ?2
        ORDER BY position
        LIMIT ?3
        """;

    /// <summary>?1 moment, ?2 limit.</summary>
    public string FindingPurge { get; } = $"""
        /* job.findings_purge */
        DELETE FROM {tables}job_findings
        WHERE job_id IN (SELECT job_id FROM {tables}jobs WHERE finished_at < ?1 LIMIT ?2)
        """;

    /// <summary>?1 moment, ?2 limit.</summary>
    public string JobPurge { get; } = PurgeOf("jobs", tables, "job_id", "finished_at");

    /// <summary>?1 execution.</summary>
    public string CheckpointCountOf { get; } = $"/* checkpoint.count_of */ SELECT count(*) FROM {tables}checkpoints WHERE execution_id = ?1";

    /// <summary>?1 prefix.</summary>
    public string CheckpointCount { get; } = $"""
        /* checkpoint.count */
        SELECT count(*) FROM {tables}checkpoints WHERE execution_id >= ?1 AND substr(execution_id, 1, length(?1)) = ?1
        """;

    public string CheckpointEstimate { get; } = $"/* checkpoint.estimate */ SELECT coalesce(max(row_id), 0) FROM {tables}checkpoints";

    /// <summary>?1 execution, ?2 and ?3 lowest and highest sequence.</summary>
    public string HashList { get; } = $"""
        /* checkpoint.hashes */
        SELECT namespace, checkpoint_id, sequence, state_sha256 FROM {tables}checkpoints
        WHERE execution_id = ?1 AND sequence BETWEEN ?2 AND ?3
        """;

    /// <summary>?1 row.</summary>
    public string DeadLetterGet { get; } = $"""
        /* dead_letter.get */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, d.body, d.execution_id, d.created_at, length(d.body)
        FROM {tables}dead_letters AS d WHERE d.dead_letter_id = ?1
        """;

    /// <summary>?1 row behind which to start, ?2 limit, ?3 bytes of bodies, which are added up before any of them is read.</summary>
    public string DeadLetterNext { get; } = $"""
        /* dead_letter.next */
        SELECT d.dead_letter_id, d.letter_id, d.reason, d.content_type, d.body, d.execution_id, d.created_at, length(d.body)
        FROM (
            SELECT s.dead_letter_id, s.bytes, sum(s.bytes) OVER (ORDER BY s.dead_letter_id) AS bytes_so_far
            FROM (
                SELECT n.dead_letter_id, length(n.body) AS bytes FROM {tables}dead_letters AS n
                WHERE n.dead_letter_id > ?1
                ORDER BY n.dead_letter_id
                LIMIT ?2) AS s) AS p
        JOIN {tables}dead_letters AS d ON d.dead_letter_id = p.dead_letter_id
        WHERE p.bytes_so_far <= ?3 OR p.bytes_so_far = p.bytes
        ORDER BY d.dead_letter_id
        """;

    /// <summary>?1 row.</summary>
    public string DeadLetterRemove { get; } = $"/* dead_letter.remove */ DELETE FROM {tables}dead_letters WHERE dead_letter_id = ?1";

    public string Stats { get; } = $"""
        /* archive.stats */
        SELECT (SELECT count(*) FROM {tables}dead_letters), (SELECT count(*) FROM {tables}jobs WHERE finished_at IS NULL)
        """;

    /// <summary>?1 actor, ?2 action, ?3 subject, ?4 detail, ?5 now.</summary>
    public string AuditAdd { get; } = $"""
        /* audit.add */
        INSERT INTO {tables}audit (actor, action, subject, detail, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
        """;

    /// <summary>?1 row before which to start, ?2 limit.</summary>
    public string AuditList { get; } = $"""
        /* audit.list */
        SELECT audit_id, actor, action, subject, detail, created_at FROM {tables}audit
        WHERE audit_id < ?1
        ORDER BY audit_id DESC
        LIMIT ?2
        """;
}
