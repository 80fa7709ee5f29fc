-- What is used of budgets, by account and unit, and what was permitted beyond the limits that
-- the program sets.
CREATE TABLE budgets (
    account TEXT NOT NULL,
    unit TEXT NOT NULL,
    used INTEGER NOT NULL,
    raised INTEGER NOT NULL,
    PRIMARY KEY (account, unit)
) STRICT, WITHOUT ROWID;

-- With the deadline: tasks that are past theirs are passed over without being looked up.
DROP INDEX tasks_ready;
CREATE INDEX tasks_ready ON tasks (queue, kind, priority DESC, submitted, id, expires)
    WHERE ready = 1;
