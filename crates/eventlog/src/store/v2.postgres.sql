-- States that were folded from events, one per stream: a load goes on from there. Made from events and from nothing
-- else, so to delete rows is always safe.
CREATE TABLE snapshots(
    log TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL, schema_hash BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL, payload TEXT NOT NULL, PRIMARY KEY(log, stream)
);
