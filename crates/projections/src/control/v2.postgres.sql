-- Who is signed in.
CREATE TABLE sessions(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);
