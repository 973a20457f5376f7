-- A read model that follows at a distance may be built anew beside itself: it has generations, one of which is in use.
CREATE TABLE projections(name TEXT PRIMARY KEY, generation BIGINT NOT NULL);
INSERT INTO projections VALUES ('calls', 1);

-- How far each generation of each of them has come, and which event that was.
ALTER TABLE checkpoints ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey;
ALTER TABLE checkpoints ADD PRIMARY KEY (projection, generation);
ALTER TABLE checkpoints ALTER COLUMN generation DROP DEFAULT;
