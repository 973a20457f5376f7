-- Nodes that are heard, and whose each journal is.
CREATE TABLE nodes(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);

CREATE TABLE journal_owners(
    id TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    "row" TEXT NOT NULL
);
