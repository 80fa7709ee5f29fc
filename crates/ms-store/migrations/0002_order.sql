-- Whose format this is: "MSTS". A database that says another is left alone.
PRAGMA application_id = 1297306707;

-- The order in which tasks were taken, given when they are written. Ids come from the clock on
-- the wall, which may be set back.
ALTER TABLE tasks ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET seq = numbered.seq
    FROM (SELECT id, row_number() OVER (ORDER BY submitted, id) AS seq FROM tasks) AS numbered
    WHERE tasks.id = numbered.id;
CREATE UNIQUE INDEX tasks_seq ON tasks (seq);

-- Every list is a few ranges of this: one for each queue, kind and state that is asked for.
CREATE INDEX tasks_listed ON tasks (queue, kind, state, seq);
CREATE INDEX tasks_leased ON tasks (state) WHERE state IN (1, 2);
DROP INDEX tasks_state;
