-- What each account comes to: written in the append transaction, decided upon there, folded anew by every audit.
-- Rows change with every charge: room is left on each page, so that no index follows.
CREATE TABLE accounts(
    account_id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, state TEXT NOT NULL, opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) WITH (fillfactor = 60);

-- Open leases, by the journal that spends them.
CREATE TABLE leases(
    lease_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, journal_id TEXT NOT NULL, granted_at BIGINT NOT NULL,
    ttl_ms BIGINT NOT NULL
);
CREATE INDEX leases_by_journal ON leases(journal_id);

-- How far each journal was taken in.
CREATE TABLE journals(
    journal_id TEXT PRIMARY KEY, seq BIGINT NOT NULL, link BYTEA NOT NULL, ingested_at BIGINT NOT NULL
) WITH (fillfactor = 10);

-- Calls that have ended: a second end is refused, whichever journal brings it.
CREATE TABLE ended_calls(call_id BYTEA NOT NULL, part BIGINT NOT NULL, PRIMARY KEY(call_id, part));
