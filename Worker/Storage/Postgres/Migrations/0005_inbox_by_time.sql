-- Rows lie where older ones were purged, not in the order of their arrival: soon every range of a BRIN index matches.
-- It may have been built CONCURRENTLY beforehand (docs/OPERATIONS.md).
CREATE INDEX IF NOT EXISTS {prefix}inbox_received ON {tables}inbox (received_at);
DROP INDEX IF EXISTS {tables}inbox_by_time;
