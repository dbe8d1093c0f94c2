-- {tables} stands for the table prefix. Times are microseconds since 1970 (UTC).
ALTER TABLE {tables}jobs ADD COLUMN unique_key TEXT;
ALTER TABLE {tables}jobs ADD COLUMN items_per_second INTEGER;
ALTER TABLE {tables}jobs ADD COLUMN rate REAL NOT NULL DEFAULT 0;
ALTER TABLE {tables}jobs ADD COLUMN counts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE {tables}jobs ADD COLUMN findings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {tables}jobs ADD COLUMN cancel_requested INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {tables}jobs ADD COLUMN started_at INTEGER;

CREATE UNIQUE INDEX {tables}jobs_unique ON {tables}jobs (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX {tables}jobs_ended ON {tables}jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE {tables}job_findings (
    job_id   TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    PRIMARY KEY (job_id, position)
) WITHOUT ROWID;

CREATE TABLE {tables}audit (
    audit_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
