//! One transaction: load the records, let the batch decide, write, and find out what is next.

use std::time::Duration;

use ms_core::task::{TaskId, TaskTime};
use ms_task::{Claimed, Swept};
use sqlx::SqliteConnection;

use crate::answer::Answer;
use crate::batch::Batch;
use crate::claim::claim;
use crate::flush::flush;
use crate::load::load;
use crate::messages::Write;
use crate::prune::remove_ended;
use crate::rows::{ids, ids_at};

/// Most leases and deadlines of one sweep; the rest waits for the next.
const SWEEP: i64 = 1_000;

const LOAD_LEASED: &str = "SELECT id FROM tasks INDEXED BY tasks_leased WHERE state IN (1, 2)";
const LOAD_OVERDUE: &str = "SELECT id FROM tasks WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
const NEXT_EXPIRY: &str = "SELECT min(expires) FROM tasks WHERE expires IS NOT NULL";
const FIRST_ENDED: &str = "SELECT min(ended) FROM tasks WHERE ended IS NOT NULL";
const SET_ASIDE: &str = "UPDATE tasks SET ready = NULL, expires = NULL \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const SET_CLOCK: &str = "INSERT INTO meta (name, value) VALUES ('clock', ?1) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Loads, decides and writes, within a transaction.
pub(crate) async fn carry_out(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
    requests: &[Write],
    keep: Duration,
) -> Result<Vec<Answer>, sqlx::Error> {
    let sweeps = requests.iter().any(|request| matches!(request, Write::Sweep(_)));
    let takes_back = |one: &Write| matches!(one, Write::TakeBack(..) | Write::ReleaseBut(..));
    let takes_back = requests.iter().any(takes_back);
    let leased = if takes_back { found(conn, LOAD_LEASED).await? } else { Vec::new() };
    let overdue = if sweeps { overdue(conn, batch.now).await? } else { Vec::new() };
    // Before anything is loaded: removed tasks must not be there for the others of the batch.
    let removed =
        if sweeps { remove_ended(conn, &mut batch.counts, batch.now, keep).await? } else { 0 };
    batch.wrote |= removed > 0;
    load(conn, batch, requests, leased.iter().chain(&overdue)).await?;

    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(match request {
            Write::Submit(tasks, _) => Answer::Submit(batch.submit(tasks)),
            Write::Execute(commands, _) => Answer::Execute(batch.execute(commands)),
            Write::TakeBack(why, _) => Answer::Taken(batch.take_back(&leased, why)),
            Write::ReleaseBut(held, _) => Answer::Taken(batch.release_but(&leased, held)),
            Write::Sweep(_) => {
                let expired = batch.expire(&overdue);
                // The time of the next sweep is found below, when all is written.
                Answer::Sweep(Swept { expired, removed, next: None, now: batch.now })
            }
            Write::Budgets(usage, _) => {
                crate::budgets::keep(conn, usage).await?;
                Answer::Kept
            }
            // Chosen below, when the changes of the others are written.
            Write::Claim(..) => Answer::Claim(Claimed::default()),
        });
    }
    // Before the claims, which look for tasks in the tables and not in the batch.
    flush(conn, batch).await?;
    claim(conn, batch, requests, &mut answers).await?;
    if !batch.unreadable.is_empty() {
        // Set aside, so that they do not block others; their rows stay for repair.
        let wanted = ids(batch.unreadable.keys().copied())?;
        let aside = sqlx::query(SET_ASIDE).bind(wanted).execute(&mut *conn).await?;
        batch.wrote |= aside.rows_affected() > 0;
    }
    if sweeps {
        let next = next_sweep(conn, batch.now, keep).await?;
        for answer in &mut answers {
            if let Answer::Sweep(swept) = answer {
                swept.next = next;
            }
        }
    }
    // Only promises bind the clock, so that an idle store writes nothing.
    if requests.iter().any(Write::is_promise) {
        set_clock(conn, batch.now).await?;
        batch.wrote = true;
    }
    Ok(answers)
}

/// Notes how far the clock has come.
pub(crate) async fn set_clock(
    conn: &mut SqliteConnection,
    now: TaskTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(SET_CLOCK).bind(now.as_millis().to_string()).execute(conn).await.map(drop)
}

async fn found(conn: &mut SqliteConnection, sql: &'static str) -> Result<Vec<TaskId>, sqlx::Error> {
    Ok(ids_at(&sqlx::query(sql).fetch_all(conn).await?, 0))
}

async fn overdue(conn: &mut SqliteConnection, now: TaskTime) -> Result<Vec<TaskId>, sqlx::Error> {
    let query = sqlx::query(LOAD_OVERDUE).bind(now.as_millis().cast_signed()).bind(SWEEP);
    Ok(ids_at(&query.fetch_all(conn).await?, 0))
}

/// Returns how long until a lease or deadline is over, or a task has been kept for long enough.
async fn next_sweep(
    conn: &mut SqliteConnection,
    now: TaskTime,
    keep: Duration,
) -> Result<Option<Duration>, sqlx::Error> {
    let expires: Option<i64> = sqlx::query_scalar(NEXT_EXPIRY).fetch_one(&mut *conn).await?;
    let ended: Option<i64> = sqlx::query_scalar(FIRST_ENDED).fetch_one(&mut *conn).await?;
    let at = |millis: i64| TaskTime::from_millis(millis.cast_unsigned());
    let over = ended.map(|ended| at(ended) + keep + Duration::from_millis(1));
    Ok(expires.map(at).into_iter().chain(over).min().map(|next| next.since(now)))
}
