-- What the control log comes to. `version` is that of the row's stream; `row` is JSON.
CREATE TABLE channels(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL, user_id TEXT GENERATED ALWAYS AS (row->>'$.spec.user_id') VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens(user_id);

CREATE TABLE users(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE groups(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE prices(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
