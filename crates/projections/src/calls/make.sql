-- The usage log of a later generation, like that of the first (v1): the name is put in for the braces.
CREATE TABLE {calls}(
    position INTEGER PRIMARY KEY, call_id TEXT NOT NULL, part INTEGER NOT NULL, user_id TEXT NOT NULL,
    token_id TEXT NOT NULL, account_id TEXT, model TEXT NOT NULL, group_name TEXT NOT NULL, channel_id TEXT,
    mode TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL, amount_nanos INTEGER NOT NULL,
    reserved_nanos INTEGER NOT NULL, flags TEXT NOT NULL, attempts INTEGER NOT NULL, started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL, corrected_nanos INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX {calls}_by_call ON {calls}(call_id);
CREATE INDEX {calls}_by_user ON {calls}(user_id);
CREATE INDEX {calls}_by_token ON {calls}(token_id);
CREATE INDEX {calls}_by_account ON {calls}(account_id);
