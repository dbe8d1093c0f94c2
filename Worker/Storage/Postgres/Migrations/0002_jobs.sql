-- {tables} stands for the quoted schema, a dot and the table prefix; {prefix} for the prefix alone.
ALTER TABLE {tables}jobs
    ADD COLUMN unique_key       text COLLATE "C" UNIQUE,
    ADD COLUMN items_per_second integer,
    ADD COLUMN rate             double precision NOT NULL DEFAULT 0,
    ADD COLUMN counts           jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN findings         bigint NOT NULL DEFAULT 0,
    ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN started_at       timestamptz;

CREATE INDEX {prefix}jobs_ended ON {tables}jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE {tables}job_findings (
    job_id   text COLLATE "C" NOT NULL REFERENCES {tables}jobs ON DELETE CASCADE,
    position bigint NOT NULL,
    kind     text NOT NULL,
    subject  text NOT NULL,
    detail   text NOT NULL,
    PRIMARY KEY (job_id, position)
);

CREATE TABLE {tables}audit (
    audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor      text NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    detail     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
