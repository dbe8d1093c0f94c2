-- {tables} stands for the table prefix. Times are microseconds since 1970 (UTC).
-- Text compares by BINARY collation: UTF-8 byte order, as every other store does.
CREATE TABLE {tables}checkpoints (
    row_id        INTEGER PRIMARY KEY,
    execution_id  TEXT NOT NULL,
    namespace     TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    sequence      INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    archived_at   INTEGER NOT NULL,
    parent_id     TEXT,
    node_name     TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    state_sha256  BLOB NOT NULL,
    metadata      TEXT,
    state         BLOB NOT NULL,
    UNIQUE (execution_id, namespace, checkpoint_id)
);

CREATE INDEX {tables}checkpoints_by_sequence ON {tables}checkpoints (execution_id, namespace, sequence, checkpoint_id);

CREATE TABLE {tables}inbox (
    command_id  TEXT PRIMARY KEY,
    received_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX {tables}inbox_by_time ON {tables}inbox (received_at);

CREATE TABLE {tables}outbox (
    outbox_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         INTEGER NOT NULL,
    changes      TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER NOT NULL,
    lease_owner  TEXT,
    error        TEXT,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER
);

CREATE INDEX {tables}outbox_pending ON {tables}outbox (outbox_id) WHERE delivered_at IS NULL;
CREATE INDEX {tables}outbox_delivered ON {tables}outbox (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE {tables}dead_letters (
    dead_letter_id INTEGER PRIMARY KEY AUTOINCREMENT,
    letter_id      TEXT NOT NULL UNIQUE,
    reason         TEXT NOT NULL,
    content_type   TEXT NOT NULL,
    body           BLOB NOT NULL,
    execution_id   TEXT,
    created_at     INTEGER NOT NULL
);

-- scope: 0 the execution, 1 the namespace, 2 the checkpoint; what the scope does not name is ''.
CREATE TABLE {tables}tombstones (
    execution_id  TEXT NOT NULL,
    scope         INTEGER NOT NULL,
    namespace     TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    sequence      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (execution_id, scope, namespace, checkpoint_id)
) WITHOUT ROWID;

CREATE INDEX {tables}tombstones_by_time ON {tables}tombstones (created_at);

CREATE TABLE {tables}jobs (
    job_id       TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    arguments    TEXT NOT NULL,
    state        TEXT NOT NULL
        CHECK (state IN ('available', 'running', 'retryable', 'completed', 'cancelled', 'discarded')),
    priority     INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 1,
    cursor       TEXT,
    done         INTEGER NOT NULL DEFAULT 0,
    total        INTEGER,
    error        TEXT,
    lease_owner  TEXT,
    leased_until INTEGER,
    scheduled_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER
) WITHOUT ROWID;

CREATE INDEX {tables}jobs_open ON {tables}jobs (scheduled_at) WHERE finished_at IS NULL;

-- A NUL byte would end the text for json_valid, so it is looked for first.
CREATE VIEW {tables}checkpoint_json AS
SELECT c.execution_id, c.namespace, c.checkpoint_id, c.parent_id, c.sequence, c.node_name, c.version, c.content_type,
    CASE WHEN (lower(trim(substr(c.content_type, 1, instr(c.content_type || ';', ';') - 1))) = 'application/json'
            OR lower(trim(substr(c.content_type, 1, instr(c.content_type || ';', ';') - 1))) LIKE '_%/_%+json')
            AND instr(c.state, x'00') = 0 AND json_valid(CAST(c.state AS TEXT))
        THEN json(CAST(c.state AS TEXT)) END AS state,
    c.metadata, c.created_at, c.archived_at
FROM {tables}checkpoints AS c;
