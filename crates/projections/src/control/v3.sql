-- What may be spent in each window of time, and whose calls that limits.
CREATE TABLE budgets(
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    row TEXT NOT NULL,
    token_id TEXT GENERATED ALWAYS AS (row->>'$.holder.token') VIRTUAL,
    user_id TEXT GENERATED ALWAYS AS (row->>'$.holder.user') VIRTUAL,
    group_name TEXT GENERATED ALWAYS AS (row->>'$.holder.group') VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX budgets_by_token ON budgets(token_id) WHERE token_id IS NOT NULL;
CREATE INDEX budgets_by_user ON budgets(user_id) WHERE user_id IS NOT NULL;
CREATE INDEX budgets_by_group ON budgets(group_name) WHERE group_name IS NOT NULL;
