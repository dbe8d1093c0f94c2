-- Each kind is claimed by itself: neither steps over the other's backlog.
CREATE INDEX {tables}outbox_claimable ON {tables}outbox (kind, outbox_id) WHERE delivered_at IS NULL;
DROP INDEX {tables}outbox_pending;
