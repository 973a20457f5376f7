-- How far each log has come. The row is changed last in the append transaction.
CREATE TABLE heads(
    log TEXT PRIMARY KEY, log_id BLOB NOT NULL, position INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE control_events(
    position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, event_id TEXT NOT NULL,
    event_type TEXT NOT NULL, schema_version INTEGER NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL,
    recorded_at INTEGER NOT NULL, leaf_hash BLOB NOT NULL, UNIQUE(stream, version)
) STRICT;
CREATE TABLE ledger_events(
    position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, event_id TEXT NOT NULL,
    event_type TEXT NOT NULL, schema_version INTEGER NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL,
    recorded_at INTEGER NOT NULL, leaf_hash BLOB NOT NULL, UNIQUE(stream, version)
) STRICT;

CREATE TRIGGER control_events_no_update BEFORE UPDATE ON control_events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER control_events_no_delete BEFORE DELETE ON control_events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER ledger_events_no_update BEFORE UPDATE ON ledger_events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER ledger_events_no_delete BEFORE DELETE ON ledger_events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
-- INSERT OR REPLACE deletes without asking the triggers above.
CREATE TRIGGER control_events_no_replace BEFORE INSERT ON control_events
    WHEN NEW.position <= (SELECT MAX(position) FROM control_events)
        OR EXISTS(SELECT 1 FROM control_events WHERE stream = NEW.stream AND version = NEW.version)
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER ledger_events_no_replace BEFORE INSERT ON ledger_events
    WHEN NEW.position <= (SELECT MAX(position) FROM ledger_events)
        OR EXISTS(SELECT 1 FROM ledger_events WHERE stream = NEW.stream AND version = NEW.version)
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

-- Commands that were carried out: a repeat answers the same.
CREATE TABLE commands(
    command_id BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, control INTEGER NOT NULL, ledger INTEGER NOT NULL,
    answer TEXT, recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_by_time ON commands(recorded_at) WHERE answer IS NOT NULL;

-- Keys of people, each wrapped by the master key: to erase someone is to delete a row here.
CREATE TABLE subject_keys(subject TEXT PRIMARY KEY, wrapped TEXT NOT NULL) STRICT, WITHOUT ROWID;
