-- What each account comes to: written in the append transaction, decided upon there, folded anew by every audit.
CREATE TABLE accounts(
    account_id TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, opened_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Open leases, by the journal that spends them.
CREATE TABLE leases(
    lease_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, journal_id TEXT NOT NULL, granted_at INTEGER NOT NULL,
    ttl_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_journal ON leases(journal_id);

-- How far each journal was taken in.
CREATE TABLE journals(
    journal_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, link BLOB NOT NULL, ingested_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Calls that have ended: a second end is refused, whichever journal brings it.
CREATE TABLE ended_calls(
    call_id BLOB NOT NULL, part INTEGER NOT NULL, PRIMARY KEY(call_id, part)
) STRICT, WITHOUT ROWID;
