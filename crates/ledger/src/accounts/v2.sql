-- Leases that have ended, for a day: their ids are not granted again.
CREATE TABLE ended_leases(lease_id TEXT PRIMARY KEY, ended_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX ended_leases_by_time ON ended_leases(ended_at);

-- Quota set aside for jobs of the control node, and how it ended: each of them ends once.
CREATE TABLE holds(
    hold_id TEXT PRIMARY KEY, scopes TEXT NOT NULL, amount INTEGER NOT NULL, ended TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_open ON holds(hold_id) WHERE ended IS NULL;
