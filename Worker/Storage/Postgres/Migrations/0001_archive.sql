-- {tables} stands for the quoted schema, a dot and the table prefix; {prefix} for the prefix alone.
-- Text keys compare in UTF-8 byte order, as every other store does.
CREATE TABLE {tables}checkpoints (
    execution_id  text COLLATE "C" NOT NULL,
    namespace     text COLLATE "C" NOT NULL,
    checkpoint_id text COLLATE "C" NOT NULL,
    sequence      bigint NOT NULL,
    version       bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    archived_at   timestamptz NOT NULL DEFAULT now(),
    parent_id     text COLLATE "C",
    node_name     text COLLATE "C" NOT NULL,
    content_type  text COLLATE "C" NOT NULL,
    state_sha256  bytea NOT NULL,
    metadata      jsonb,
    state         bytea NOT NULL,
    PRIMARY KEY (execution_id, namespace, checkpoint_id)
);

-- States are opaque and often compressed already: no time goes into compressing them again.
ALTER TABLE {tables}checkpoints ALTER COLUMN state SET STORAGE EXTERNAL;

-- Lists one namespace; all namespaces of an execution are merged from it (see checkpoint.find).
CREATE INDEX {prefix}checkpoints_by_sequence ON {tables}checkpoints (execution_id, namespace, sequence, checkpoint_id);

CREATE TABLE {tables}inbox (
    command_id  text COLLATE "C" PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);

-- The rows lie in the order of their arrival, so a BRIN index costs next to nothing.
CREATE INDEX {prefix}inbox_by_time ON {tables}inbox USING brin (received_at) WITH (pages_per_range = 16);

CREATE TABLE {tables}outbox (
    outbox_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         smallint NOT NULL,
    changes      json NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    lease_owner  text COLLATE "C",
    error        text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);

CREATE INDEX {prefix}outbox_pending ON {tables}outbox (outbox_id) WHERE delivered_at IS NULL;
CREATE INDEX {prefix}outbox_delivered ON {tables}outbox (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE {tables}dead_letters (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter_id      text COLLATE "C" NOT NULL UNIQUE,
    reason         text NOT NULL,
    content_type   text NOT NULL,
    body           bytea NOT NULL,
    execution_id   text COLLATE "C",
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- scope: 0 the execution, 1 the namespace, 2 the checkpoint; what the scope does not name is ''.
CREATE TABLE {tables}tombstones (
    execution_id  text COLLATE "C" NOT NULL,
    scope         smallint NOT NULL,
    namespace     text COLLATE "C" NOT NULL,
    checkpoint_id text COLLATE "C" NOT NULL,
    sequence      bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, scope, namespace, checkpoint_id)
);

CREATE INDEX {prefix}tombstones_by_time ON {tables}tombstones (created_at);

CREATE TABLE {tables}jobs (
    job_id       text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL,
    arguments    jsonb NOT NULL,
    state        text COLLATE "C" NOT NULL
        CHECK (state IN ('available', 'running', 'retryable', 'completed', 'cancelled', 'discarded')),
    priority     integer NOT NULL DEFAULT 0,
    attempts     integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 1,
    cursor       text,
    done         bigint NOT NULL DEFAULT 0,
    total        bigint,
    error        text,
    lease_owner  text COLLATE "C",
    leased_until timestamptz,
    scheduled_at timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);

CREATE INDEX {prefix}jobs_open ON {tables}jobs (scheduled_at) WHERE finished_at IS NULL;

-- Exception handler: there is no test for valid JSON before PostgreSQL 16, so what cannot be cast is NULL.
CREATE FUNCTION {tables}try_jsonb(bytes bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN convert_from(bytes, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;

CREATE VIEW {tables}checkpoint_json AS
SELECT c.execution_id, c.namespace, c.checkpoint_id, c.parent_id, c.sequence, c.node_name, c.version, c.content_type,
    CASE WHEN lower(btrim(split_part(c.content_type, ';', 1))) ~ '^(application/json|[^/]+/[^/]+\+json)$'
        THEN {tables}try_jsonb(c.state) END AS state,
    c.metadata, c.created_at, c.archived_at
FROM {tables}checkpoints AS c;
