-- The usage log of a later generation, like that of the first (v1): the name is put in for the braces.
CREATE TABLE {calls}(
    position BIGINT PRIMARY KEY, call_id TEXT NOT NULL, part BIGINT NOT NULL, user_id TEXT NOT NULL,
    token_id TEXT NOT NULL, account_id TEXT, model TEXT NOT NULL, group_name TEXT NOT NULL, channel_id TEXT,
    mode TEXT NOT NULL, input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL, amount_nanos BIGINT NOT NULL,
    reserved_nanos BIGINT NOT NULL, flags TEXT NOT NULL, attempts BIGINT NOT NULL, started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL, corrected_nanos BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX {calls}_by_call ON {calls}(call_id);
CREATE INDEX {calls}_by_user ON {calls}(user_id);
CREATE INDEX {calls}_by_token ON {calls}(token_id);
CREATE INDEX {calls}_by_account ON {calls}(account_id);
