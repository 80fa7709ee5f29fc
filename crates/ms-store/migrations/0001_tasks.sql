-- What this store is, and how far its clock has come.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a task. `record` is the truth; the other columns are what is searched by.
CREATE TABLE tasks (
    id BLOB PRIMARY KEY,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    -- Pending tasks only: 1 when nothing is to be waited for, 0 until `not_before`.
    ready INTEGER,
    not_before INTEGER NOT NULL,
    -- When a lease or a deadline is over.
    expires INTEGER,
    ended INTEGER,
    key TEXT,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tasks_key ON tasks (key) WHERE key IS NOT NULL;
CREATE INDEX tasks_ready ON tasks (queue, kind, priority DESC, submitted, id) WHERE ready = 1;
CREATE INDEX tasks_delayed ON tasks (not_before) WHERE ready = 0;
CREATE INDEX tasks_expires ON tasks (expires) WHERE expires IS NOT NULL;
CREATE INDEX tasks_ended ON tasks (ended) WHERE ended IS NOT NULL;
CREATE INDEX tasks_state ON tasks (state, id);

-- Bodies apart: a change of state does not write them again.
CREATE TABLE requests (
    id BLOB PRIMARY KEY,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE results (
    id BLOB PRIMARY KEY,
    result TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What an attempt leaves for the next.
CREATE TABLE steps (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    id BLOB PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
