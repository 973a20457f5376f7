-- The usage log: one row per charged call (or part of one), at its event's position in the ledger log.
CREATE TABLE calls(
    position BIGINT PRIMARY KEY, call_id TEXT NOT NULL, part BIGINT NOT NULL, user_id TEXT NOT NULL,
    token_id TEXT NOT NULL, account_id TEXT, model TEXT NOT NULL, group_name TEXT NOT NULL, channel_id TEXT,
    mode TEXT NOT NULL, input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL, amount_nanos BIGINT NOT NULL,
    reserved_nanos BIGINT NOT NULL, flags TEXT NOT NULL, attempts BIGINT NOT NULL, started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL, corrected_nanos BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX calls_by_call ON calls(call_id);
CREATE INDEX calls_by_user ON calls(user_id);
CREATE INDEX calls_by_token ON calls(token_id);
CREATE INDEX calls_by_account ON calls(account_id);

-- How far each projection that follows at a distance has come, and which event that was.
CREATE TABLE checkpoints(
    projection TEXT PRIMARY KEY, log TEXT NOT NULL, log_id TEXT NOT NULL, position BIGINT NOT NULL, event_id TEXT
);
