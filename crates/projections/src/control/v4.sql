-- Nodes that are heard, and whose each journal is.
CREATE TABLE nodes(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_owners(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
