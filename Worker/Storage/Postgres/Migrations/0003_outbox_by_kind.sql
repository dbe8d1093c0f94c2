-- Each kind is claimed by itself: neither steps over the other's backlog.
-- It may have been built CONCURRENTLY beforehand (docs/OPERATIONS.md).
CREATE INDEX IF NOT EXISTS {prefix}outbox_claimable ON {tables}outbox (kind, outbox_id) WHERE delivered_at IS NULL;
DROP INDEX {tables}outbox_pending;
