//! One commit: load what the requests are about, decide, write, commit, answer.

use std::collections::BTreeSet;
use std::time::Duration;

use ms_actor::Node;
use ms_core::task::{
    Claimed, IdempotencyKey, JournalEntry, StoreError, Submitted, Swept, TaskCommand, TaskError,
    TaskId, TaskNews, TaskTime, TaskView,
};
use sqlx::{Connection, Executor, Row, SqliteConnection};

use crate::batch::{Batch, Counts};
use crate::claim::claim;
use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::error::classify;
use crate::messages::Write;
use crate::open::connect;
use crate::rows::{TaskRow, hex, id_at, ids, json};

/// Tasks that one sweep deals with, of each kind; the rest waits for the next.
const SWEEP: i64 = 1_000;
/// Rows of one statement: with the largest bodies they stay below SQLite's gigabyte for one value.
const CHUNK: usize = 256;

const UPSERT_TASKS: &str = "INSERT INTO tasks (id, queue, kind, state, priority, \
    submitted, ready, not_before, expires, ended, key, record) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
    value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value -> 11 \
    FROM json_each(?1) WHERE true \
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, ready = excluded.ready, \
    not_before = excluded.not_before, expires = excluded.expires, ended = excluded.ended, \
    record = excluded.record";
const INSERT_REQUESTS: &str = "INSERT INTO requests (id, request) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)";
const INSERT_RESULTS: &str = "INSERT INTO results (id, result) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)";
const UPSERT_STEPS: &str = "INSERT INTO steps (id, name, value) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1) WHERE true \
    ON CONFLICT (id, name) DO UPDATE SET value = excluded.value";
const UPSERT_CHECKPOINTS: &str = "INSERT INTO checkpoints (id, value) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1) WHERE true \
    ON CONFLICT (id) DO UPDATE SET value = excluded.value";
pub(crate) const LOAD: &str = "SELECT id, record FROM tasks \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const LOAD_KEYS: &str = "SELECT t.id, t.record, t.key, q.request FROM tasks t \
    JOIN requests q ON q.id = t.id WHERE t.key IN (SELECT value FROM json_each(?1))";
const LOAD_STEP_NAMES: &str = "SELECT id, name FROM steps \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const LOAD_LEASED: &str = "SELECT id FROM tasks WHERE state IN (1, 2)";
const LOAD_OVERDUE: &str = "SELECT id FROM tasks WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
const SET_ASIDE: &str = "UPDATE tasks SET ready = NULL, expires = NULL \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const SET_CLOCK: &str = "INSERT INTO meta (name, value) VALUES ('clock', ?1) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// The one connection that writes, and what belongs to it.
pub(crate) struct Writer {
    config: StoreConfig,
    /// Whose event stream is told what was written.
    node: Node,
    clock: StoreClock,
    /// `None` after an error: the next commit begins with a fresh one.
    conn: Option<SqliteConnection>,
    counts: Counts,
    /// Whether commits wait for the disk at present.
    synchronous: bool,
    totals: Totals,
}

/// What was written so far, and whether writing goes well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) commits: u64,
    /// Requests carried out in them.
    pub(crate) requests: u64,
    /// Why the last commit failed, if it did.
    pub(crate) trouble: Option<String>,
}

impl Writer {
    pub(crate) fn new(
        config: StoreConfig,
        node: Node,
        clock: StoreClock,
        conn: SqliteConnection,
        counts: Counts,
    ) -> Self {
        let conn = Some(conn);
        Self { config, node, clock, conn, counts, synchronous: true, totals: Totals::default() }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals.clone()
    }

    /// Closes the connection: the write-ahead log goes into the main file.
    pub(crate) async fn close(self) {
        if let Some(conn) = self.conn
            && let Err(error) = conn.close().await
        {
            tracing::warn!(%error, "the task store was not closed in an orderly way");
        }
    }

    /// Carries out all requests in one transaction, or none, and answers them.
    pub(crate) async fn commit(&mut self, requests: Vec<Write>) {
        let requests: Vec<_> = requests.into_iter().filter(|one| !one.is_pointless()).collect();
        if requests.is_empty() {
            return;
        }
        match self.attempt(&requests).await {
            Ok(Written { answers, counts, news }) => {
                self.counts = counts;
                self.totals.commits += 1;
                self.totals.requests += requests.len() as u64;
                self.totals.trouble = None;
                for (request, answer) in requests.into_iter().zip(answers) {
                    answer.send(request);
                }
                // Last: whoever waits for an answer does not wait for those who only look.
                self.node.publish_tasks(news);
            }
            Err(error) => {
                // Its state is not known: closed, it rolls back. Made anew at the next commit.
                if let Some(conn) = self.conn.take() {
                    drop(conn.close_hard().await);
                }
                tracing::warn!(%error, requests = requests.len(), "a commit failed");
                self.totals.trouble = Some(format!("the last commit failed: {error}"));
                requests.into_iter().for_each(|request| request.refuse(error.clone()));
            }
        }
    }

    async fn attempt(&mut self, requests: &[Write]) -> Result<Written, StoreError> {
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        if self.conn.is_none() {
            self.conn = Some(connect(&self.config, false).await.map_err(wrong)?);
            self.synchronous = true;
        }
        let Some(conn) = self.conn.as_mut() else {
            return Err(StoreError::Unknown("no connection".to_owned()));
        };
        let promise = requests.iter().any(Write::is_promise);
        if promise != self.synchronous {
            let pragma =
                if promise { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            conn.execute(pragma).await.map_err(wrong)?;
            self.synchronous = promise;
        }
        let mut batch = Batch::new(self.clock.now(), self.config.max_queue, self.counts.clone());
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await.map_err(wrong)?;
        let keep = self.config.keep_ended;
        let answers =
            carry_out(&mut transaction, &mut batch, requests, keep).await.map_err(wrong)?;
        transaction.commit().await.map_err(|error| match wrong(error) {
            error @ (StoreError::Full(_) | StoreError::Busy(_)) => error,
            // The disk may or may not have it.
            error => StoreError::Unknown(error.to_string()),
        })?;
        Ok(Written { answers, counts: batch.counts, news: batch.news })
    }
}

/// What a commit came to.
struct Written {
    answers: Vec<Answer>,
    counts: Counts,
    news: Vec<TaskNews>,
}

/// What a request is answered with, once the commit is done.
pub(crate) enum Answer {
    Submit(Vec<Result<Submitted, TaskError>>),
    Execute(Vec<Result<TaskView, TaskError>>),
    Claim(Claimed),
    /// Of a taking back or a release: how many there were.
    Taken(usize),
    Sweep(Swept),
}

impl Answer {
    /// Sends it. Whoever has gone meanwhile looks the task up.
    fn send(self, request: Write) {
        match (self, request) {
            (Self::Submit(answer), Write::Submit(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Execute(answer), Write::Execute(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Claim(answer), Write::Claim(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Taken(answer), Write::TakeBack(_, reply) | Write::ReleaseBut(_, reply)) => {
                drop(reply.send(Ok(answer)))
            }
            (Self::Sweep(answer), Write::Sweep(reply)) => drop(reply.send(Ok(answer))),
            _ => debug_assert!(false, "answers are in the order of the requests"),
        }
    }
}

type Conn = SqliteConnection;

/// Loads, decides and writes, within a transaction.
async fn carry_out(
    conn: &mut Conn,
    batch: &mut Batch,
    requests: &[Write],
    keep: Duration,
) -> Result<Vec<Answer>, sqlx::Error> {
    let sweeps = requests.iter().any(|request| matches!(request, Write::Sweep(_)));
    let takes_back = |one: &Write| matches!(one, Write::TakeBack(..) | Write::ReleaseBut(..));
    let takes_back = requests.iter().any(takes_back);
    let leased = if takes_back { found(conn, LOAD_LEASED).await? } else { Vec::new() };
    let overdue = if sweeps { overdue(conn, batch.now).await? } else { Vec::new() };
    // Before anything is loaded: what is removed is not there for the others of the batch.
    let removed = if sweeps { remove_ended(conn, batch.now, keep).await? } else { 0 };
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
                Answer::Sweep(Swept { expired, removed, now: batch.now })
            }
            // Chosen below, when what the others bring is written.
            Write::Claim(..) => Answer::Claim(Claimed::default()),
        });
    }
    flush(conn, batch).await?;
    claim(conn, batch, requests, &mut answers).await?;
    if !batch.unreadable.is_empty() {
        // Out of the way of the others; what is left of it stays for whoever mends it.
        let wanted = ids(batch.unreadable.keys().copied())?;
        sqlx::query(SET_ASIDE).bind(wanted).execute(&mut *conn).await?;
    }
    // What was not promised does not bind the clock, and an idle store writes nothing.
    if requests.iter().any(Write::is_promise) {
        sqlx::query(SET_CLOCK).bind(batch.now.as_millis().to_string()).execute(&mut *conn).await?;
    }
    Ok(answers)
}

/// Loads every record that a request names.
async fn load(
    conn: &mut Conn,
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
            Write::Claim(..) | Write::TakeBack(..) | Write::ReleaseBut(..) | Write::Sweep(_) => {}
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
            // What is stored as a key was one when it was written.
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

/// Writes what the batch has changed so far.
pub(crate) async fn flush(conn: &mut Conn, batch: &mut Batch) -> Result<(), sqlx::Error> {
    let dirty = std::mem::take(&mut batch.dirty);
    let records = dirty.iter().filter_map(|id| batch.records.get(id));
    let rows: Vec<_> = records.map(|record| TaskRow::new(record, batch.now)).collect();
    write(conn, UPSERT_TASKS, &rows).await?;
    let hexed = |(id, text): (TaskId, String)| (hex(id), text);
    let requests: Vec<_> = batch.requests.drain(..).map(hexed).collect();
    write(conn, INSERT_REQUESTS, &requests).await?;
    let results: Vec<_> = batch.results.drain(..).map(hexed).collect();
    write(conn, INSERT_RESULTS, &results).await?;
    let steps = std::mem::take(&mut batch.steps).into_iter();
    let steps: Vec<_> = steps.map(|((id, name), value)| (hex(id), name, value)).collect();
    write(conn, UPSERT_STEPS, &steps).await?;
    let checkpoints = std::mem::take(&mut batch.checkpoints).into_iter();
    write(conn, UPSERT_CHECKPOINTS, &checkpoints.map(hexed).collect::<Vec<_>>()).await?;
    let forget = std::mem::take(&mut batch.forget);
    if !forget.is_empty() {
        let forget = ids(forget)?;
        for sql in [
            "DELETE FROM steps WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
            "DELETE FROM checkpoints WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        ] {
            sqlx::query(sql).bind(&forget).execute(&mut *conn).await?;
        }
    }
    Ok(())
}

async fn write<T: serde::Serialize>(
    conn: &mut Conn,
    sql: &'static str,
    rows: &[T],
) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(CHUNK) {
        sqlx::query(sql).bind(json(&rows)?).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn found(conn: &mut Conn, sql: &'static str) -> Result<Vec<TaskId>, sqlx::Error> {
    sqlx::query(sql).fetch_all(conn).await?.iter().map(|row| id_at(row, 0)).collect()
}

async fn overdue(conn: &mut Conn, now: TaskTime) -> Result<Vec<TaskId>, sqlx::Error> {
    let query = sqlx::query(LOAD_OVERDUE).bind(now.as_millis().cast_signed()).bind(SWEEP);
    query.fetch_all(conn).await?.iter().map(|row| id_at(row, 0)).collect()
}

/// Removes what ended long ago, with all that belongs to it.
async fn remove_ended(
    conn: &mut Conn,
    now: TaskTime,
    keep: Duration,
) -> Result<usize, sqlx::Error> {
    let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    let before = now.as_millis().saturating_sub(keep).cast_signed();
    let rows = sqlx::query("SELECT id FROM tasks WHERE ended < ?1 ORDER BY ended LIMIT ?2");
    let rows = rows.bind(before).bind(SWEEP).fetch_all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let old: Vec<TaskId> = rows.iter().map(|row| id_at(row, 0)).collect::<Result<_, _>>()?;
    let (count, old) = (old.len(), ids(old)?);
    for sql in [
        "DELETE FROM steps WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        "DELETE FROM checkpoints WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        "DELETE FROM results WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        "DELETE FROM requests WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        "DELETE FROM tasks WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    ] {
        sqlx::query(sql).bind(&old).execute(&mut *conn).await?;
    }
    Ok(count)
}
