-- What may be spent in each window of time, and whose calls that limits.
CREATE TABLE budgets(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL,
    token_id TEXT GENERATED ALWAYS AS ("row"::json#>>'{holder,token}') STORED,
    user_id TEXT GENERATED ALWAYS AS ("row"::json#>>'{holder,user}') STORED,
    group_name TEXT GENERATED ALWAYS AS ("row"::json#>>'{holder,group}') STORED
);
CREATE INDEX budgets_by_token ON budgets(token_id) WHERE token_id IS NOT NULL;
CREATE INDEX budgets_by_user ON budgets(user_id) WHERE user_id IS NOT NULL;
CREATE INDEX budgets_by_group ON budgets(group_name) WHERE group_name IS NOT NULL;
