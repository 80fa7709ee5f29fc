//! Loading the records that the requests of a commit name.

use std::collections::BTreeSet;

use ms_core::task::{IdempotencyKey, TaskId};
use ms_task::{JournalEntry, TaskCommand};
use sqlx::{Row, SqliteConnection};

use crate::batch::Batch;
use crate::messages::Write;
use crate::rows::{id_at, ids, json};

pub(crate) const LOAD: &str = "SELECT id, record FROM tasks \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const LOAD_KEYS: &str = "SELECT t.id, t.record, t.key, q.request FROM tasks t \
    JOIN requests q ON q.id = t.id WHERE t.key IN (SELECT value FROM json_each(?1))";
const LOAD_STEP_NAMES: &str = "SELECT id, name FROM steps \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

/// Loads every record that a request names.
pub(crate) async fn load(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
    requests: &[Write],
    more: impl Iterator<Item = &TaskId>,
) -> Result<(), sqlx::Error> {
    let mut wanted: BTreeSet<TaskId> = more.copied().collect();
    let mut journals = BTreeSet::new();
    let mut keys: Vec<&IdempotencyKey> = Vec::new();
    for request in requests {
        match request {
            Write::Submit(tasks, _) => {
                wanted.extend(tasks.iter().map(|task| task.id));
                keys.extend(tasks.iter().filter_map(|task| task.task.idempotency_key.as_ref()));
            }
            Write::Execute(commands, _) => {
                wanted.extend(commands.iter().map(TaskCommand::id));
                let steps = commands.iter().filter(|command| {
                    matches!(command, TaskCommand::Journal(_, _, JournalEntry::Step { .. }))
                });
                journals.extend(steps.map(TaskCommand::id));
            }
            Write::Claim(..)
            | Write::TakeBack(..)
            | Write::ReleaseBut(..)
            | Write::Sweep(_)
            | Write::Budgets(..) => {}
        }
    }
    if !wanted.is_empty() {
        for row in sqlx::query(LOAD).bind(ids(wanted)?).fetch_all(&mut *conn).await? {
            batch.load(id_at(&row, 0)?, row.try_get(1)?);
        }
    }
    if !keys.is_empty() {
        let keys: Vec<&str> = keys.into_iter().map(IdempotencyKey::as_str).collect();
        for row in sqlx::query(LOAD_KEYS).bind(json(&keys)?).fetch_all(&mut *conn).await? {
            let id = id_at(&row, 0)?;
            batch.load(id, row.try_get(1)?);
            // A stored key was valid when it was written.
            if let Ok(key) = IdempotencyKey::new(row.try_get::<&str, _>(2)?) {
                batch.keys.insert(key, (id, row.try_get(3)?));
            }
        }
    }
    if !journals.is_empty() {
        for row in sqlx::query(LOAD_STEP_NAMES).bind(ids(journals)?).fetch_all(&mut *conn).await? {
            batch.step_names.entry(id_at(&row, 0)?).or_default().insert(row.try_get(1)?);
        }
    }
    Ok(())
}
