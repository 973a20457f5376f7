-- Who is signed in.
CREATE TABLE sessions(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
