-- What the control log comes to. `version` is that of the row's stream; `row` is JSON.
CREATE TABLE channels(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);

CREATE TABLE tokens(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL,
    user_id TEXT GENERATED ALWAYS AS ("row"::json#>>'{spec,user_id}') STORED
);
CREATE INDEX tokens_by_user ON tokens(user_id);

CREATE TABLE users(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);

CREATE TABLE groups(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);

CREATE TABLE prices(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);

CREATE TABLE settings(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);
