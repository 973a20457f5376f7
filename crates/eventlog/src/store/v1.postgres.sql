-- How far each log has come. Whoever appends holds both rows until it has committed, so that the order of commits is
-- the order of positions. Few rows to a page, so that each update stays on it.
CREATE TABLE heads(
    log TEXT PRIMARY KEY, log_id BYTEA NOT NULL, position BIGINT NOT NULL, recorded_at BIGINT NOT NULL
) WITH (fillfactor = 10);

-- Parts by position: an old one can be exported and dropped whole. `partitions` says what there is.
CREATE TABLE control_events(
    position BIGINT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL, event_id UUID NOT NULL,
    event_type TEXT NOT NULL, schema_version BIGINT NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL,
    recorded_at BIGINT NOT NULL, leaf_hash BYTEA NOT NULL, PRIMARY KEY(position)
) PARTITION BY RANGE(position);
CREATE INDEX control_events_by_stream ON control_events(stream, version);
CREATE TABLE ledger_events(
    position BIGINT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL, event_id UUID NOT NULL,
    event_type TEXT NOT NULL, schema_version BIGINT NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL,
    recorded_at BIGINT NOT NULL, leaf_hash BYTEA NOT NULL, PRIMARY KEY(position)
) PARTITION BY RANGE(position);
CREATE INDEX ledger_events_by_stream ON ledger_events(stream, version);
CREATE TABLE partitions(
    log TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY(log, first)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE TRIGGER control_events_no_change BEFORE UPDATE OR DELETE ON control_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_events_no_change BEFORE UPDATE OR DELETE ON ledger_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER control_events_no_truncate BEFORE TRUNCATE ON control_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_events_no_truncate BEFORE TRUNCATE ON ledger_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Commands that were carried out: a repeat answers the same.
CREATE TABLE commands(
    command_id BYTEA PRIMARY KEY, fingerprint BYTEA NOT NULL, control BIGINT NOT NULL, ledger BIGINT NOT NULL,
    answer TEXT, recorded_at BIGINT NOT NULL
);
CREATE INDEX commands_by_time ON commands(recorded_at) WHERE answer IS NOT NULL;

-- Keys of people, each wrapped by the master key: to erase someone is to delete a row here.
CREATE TABLE subject_keys(subject TEXT PRIMARY KEY, wrapped TEXT NOT NULL);

-- The logs as postgres-es expects them, so that its tools read them.
CREATE VIEW events AS
    SELECT split_part(stream, ':', 1) AS aggregate_type, substr(stream, strpos(stream, ':') + 1) AS aggregate_id,
        version AS sequence, event_type, schema_version::text AS event_version, payload::json AS payload,
        (SELECT coalesce(json_object_agg(key, value), '{}') FROM json_each_text(metadata::json)) AS metadata
    FROM (SELECT stream, version, event_type, schema_version, payload, metadata FROM control_events
        UNION ALL SELECT stream, version, event_type, schema_version, payload, metadata FROM ledger_events) AS both_logs;
