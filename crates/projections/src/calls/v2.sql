-- A read model that follows at a distance may be built anew beside itself: it has generations, one of which is in use.
CREATE TABLE projections(name TEXT PRIMARY KEY, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO projections VALUES ('calls', 1);

-- How far each generation of each of them has come, and which event that was.
ALTER TABLE checkpoints RENAME TO checkpoints_v1;
CREATE TABLE checkpoints(
    projection TEXT NOT NULL, generation INTEGER NOT NULL, log TEXT NOT NULL, log_id TEXT NOT NULL,
    position INTEGER NOT NULL, event_id TEXT, PRIMARY KEY (projection, generation)
) STRICT, WITHOUT ROWID;
INSERT INTO checkpoints SELECT projection, 1, log, log_id, position, event_id FROM checkpoints_v1;
DROP TABLE checkpoints_v1;
