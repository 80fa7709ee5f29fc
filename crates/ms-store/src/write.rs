//! One commit: load what the requests are about, decide, write, commit, answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::Node;
use ms_core::task::{
    IdempotencyKey, StoreError, Submitted, TaskError, TaskId, TaskTime, TaskTransition, TaskView,
};
use ms_core::{Repeats, Tick};
use ms_task::{Claimed, JournalEntry, Swept, TaskCommand, TaskRecord};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

use crate::batch::{Batch, Counts};
use crate::claim::claim;
use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::error::classify;
use crate::folding::Folding;
use crate::hold::Holding;
use crate::marks::{Loss, Ours};
use crate::messages::{Touch, Write};
use crate::open::{connect, counts, next_seq};
use crate::prune::{AT_ONCE, remove_ended};
use crate::rows::{TaskRow, hex, id_at, ids, ids_at, json};
use crate::watch::Watch;

/// How long after a failed commit writing is in trouble still, whatever else was written.
const TROUBLE_LASTS: Duration = Duration::from_secs(5);
/// How often the log says that commits fail.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Leases and deadlines that one sweep deals with; the rest waits for the next.
const SWEEP: i64 = 1_000;
/// A page, for counting what bodies take.
const PAGE_BYTES: usize = 4_096;
/// Rows of one statement: with the largest bodies they stay below SQLite's gigabyte for one value.
const CHUNK: usize = 256;

const UPSERT_TASKS: &str = "INSERT INTO tasks (id, queue, kind, state, priority, \
    submitted, ready, not_before, expires, ended, key, record, seq) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
    value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value -> 11, value ->> 12 \
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
const LOAD_LEASED: &str = "SELECT id FROM tasks INDEXED BY tasks_leased WHERE state IN (1, 2)";
const LOAD_OVERDUE: &str = "SELECT id FROM tasks WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
const NEXT_EXPIRY: &str = "SELECT min(expires) FROM tasks WHERE expires IS NOT NULL";
const FIRST_ENDED: &str = "SELECT min(ended) FROM tasks WHERE ended IS NOT NULL";
const SET_ASIDE: &str = "UPDATE tasks SET ready = NULL, expires = NULL \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const SET_CLOCK: &str = "INSERT INTO meta (name, value) VALUES ('clock', ?1) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// The one connection that writes, and what belongs to it.
pub(crate) struct Writer {
    config: StoreConfig,
    /// Whose clock the events go by.
    node: Node,
    /// Whose events tell what was written.
    holding: Holding,
    clock: StoreClock,
    watch: Watch,
    /// `None` after an error: the next commit begins with a fresh one.
    conn: Option<SqliteConnection>,
    counts: Counts,
    next_seq: i64,
    /// SQLite's number of the last change by another connection than ours.
    others: i64,
    /// Whether a commit may have been written without being counted.
    recount: bool,
    /// Whether commits wait for the disk at present.
    synchronous: bool,
    folding: Folding,
    failures: Repeats,
    totals: Totals,
    told: SharedTotals,
}

/// What was written so far, and whether writing goes well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) commits: u64,
    /// Requests carried out in them.
    pub(crate) requests: u64,
    pub(crate) counts: Arc<Counts>,
    /// Why commits fail, if they do.
    pub(crate) trouble: Option<String>,
    /// When the last one failed.
    failed: Option<Tick>,
    /// More has ended long ago than was removed.
    pub(crate) prune: bool,
    /// Why nothing may be written any more.
    pub(crate) lost: Option<Loss>,
}

/// What a store is opened with.
pub(crate) struct Opened {
    pub(crate) clock: StoreClock,
    pub(crate) watch: Watch,
    pub(crate) conn: SqliteConnection,
    pub(crate) counts: Counts,
    pub(crate) next_seq: i64,
    pub(crate) others: i64,
}

/// The totals, told before anybody is answered: who was answered finds their request counted.
#[derive(Debug, Clone)]
pub(crate) struct SharedTotals(Arc<Mutex<Totals>>);

impl SharedTotals {
    pub(crate) fn now(&self) -> Totals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn are(&self, totals: &Totals) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(totals);
    }
}

impl Writer {
    pub(crate) fn new(config: StoreConfig, node: Node, holding: Holding, opened: Opened) -> Self {
        let Opened { clock, watch, conn, counts, next_seq, others } = opened;
        let totals = Totals { counts: Arc::new(counts.clone()), ..Totals::default() };
        Self {
            config,
            node,
            holding,
            clock,
            watch,
            conn: Some(conn),
            counts,
            next_seq,
            others,
            recount: false,
            synchronous: true,
            folding: Folding::default(),
            failures: Repeats::new(TELL_AGAIN_AFTER),
            told: SharedTotals(Arc::new(Mutex::new(totals.clone()))),
            totals,
        }
    }

    pub(crate) const fn config(&self) -> &StoreConfig {
        &self.config
    }

    pub(crate) fn told(&self) -> SharedTotals {
        self.told.clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals.clone()
    }

    /// Closes the connection: the write-ahead log goes into the main file. Not into one that is
    /// not what was opened: there everything stays as it is found.
    pub(crate) async fn close(mut self) {
        self.look().await;
        if matches!(self.totals.lost, Some(Loss::Altered(_))) {
            return std::mem::forget(self.conn);
        }
        let closed = match self.conn {
            Some(conn) => conn.close().await,
            None => Ok(()),
        };
        match closed {
            Ok(()) => self.watch.closed(self.totals.lost.is_some()).await,
            Err(error) => {
                tracing::warn!(%error, "the task store was not closed in an orderly way");
            }
        }
    }

    /// Carries out all requests in one transaction, or none, and answers them.
    pub(crate) async fn commit(&mut self, requests: Vec<Write>) {
        let requests: Vec<_> = requests.into_iter().filter(|one| !one.is_pointless()).collect();
        if requests.is_empty() {
            return;
        }
        match self.attempt(&requests).await {
            Ok(Written { answers, counts, next_seq, transitions, wrote, prune }) => {
                self.counts = counts;
                self.next_seq = next_seq;
                self.totals.commits += u64::from(wrote);
                self.totals.requests += requests.len() as u64;
                self.totals.prune |= prune;
                self.went_well(wrote);
                self.told.are(&self.totals);
                for (request, answer) in requests.into_iter().zip(answers) {
                    answer.send(request);
                }
                // Last: whoever waits for an answer does not wait for those who only look.
                self.holding.events().publish(transitions, || self.node.now().as_millis());
                self.fold().await;
            }
            Err(error) => {
                self.failed(&error, requests.len()).await;
                self.told.are(&self.totals);
                requests.into_iter().for_each(|request| request.refuse(error.clone()));
            }
        }
    }

    /// Answers those who want to know whether something could be written now.
    pub(crate) async fn answer(&mut self, touches: Vec<Touch>) {
        if touches.is_empty() {
            return;
        }
        let done = self.touch().await;
        for Touch(reply) in touches {
            // Who has gone meanwhile is not told.
            drop(reply.send(done.clone()));
        }
    }

    /// What a commit needs beside room: its own files, the database's lock, and a disk that takes
    /// a write. It changes nothing in the database and counts as no commit.
    async fn touch(&mut self) -> Result<(), StoreError> {
        self.look_before().await?;
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        if let Some(conn) = self.conn.as_mut() {
            let transaction = conn.begin_with("BEGIN IMMEDIATE").await.map_err(wrong)?;
            transaction.rollback().await.map_err(wrong)?;
        }
        self.watch.touch().await.map_err(|error| StoreError::Other(Arc::new(error)))
    }

    /// Notes a commit that succeeded. What wrote nothing does not show that writing goes well,
    /// nor does one that fits beside many that do not.
    fn went_well(&mut self, wrote: bool) {
        self.totals.counts = Arc::new(self.counts.clone());
        let calm = |failed| self.node.now().since(failed) >= TROUBLE_LASTS;
        if wrote && self.totals.failed.is_none_or(calm) {
            self.totals.trouble = None;
            self.totals.failed = None;
        }
    }

    async fn failed(&mut self, error: &StoreError, requests: usize) {
        let now = self.node.now();
        if let StoreError::Corrupt { what, .. } = error {
            drop(self.lose(Loss::Altered(malformed(what))));
        }
        // Its state is not known: closed, it rolls back. Made anew at the next commit.
        match self.conn.take() {
            // Its last words would go into a file that is not ours.
            conn if matches!(self.totals.lost, Some(Loss::Altered(_))) => std::mem::forget(conn),
            Some(conn) if self.totals.lost.is_none() => drop(conn.close_hard().await),
            // What moved is held open, and may come back.
            conn => self.conn = conn,
        }
        if let Some(left_out) = self.failures.admit(now) {
            tracing::warn!(%error, requests, left_out, "a commit failed");
        }
        self.totals.failed = Some(now);
        self.totals.trouble = Some(format!("the last commit failed: {error}"));
    }

    /// Removes some of what ended long ago, and says whether there is more.
    pub(crate) async fn prune(&mut self) {
        match self.attempt_prune().await {
            Ok(more) => self.totals.prune = more,
            Err(error) => {
                // The next sweep asks again.
                self.totals.prune = false;
                self.failed(&error, 0).await;
            }
        }
    }

    async fn attempt_prune(&mut self) -> Result<bool, StoreError> {
        self.look_before().await?;
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        let (now, keep) = (self.clock.now(), self.config.keep_ended);
        self.connection(false).await?;
        let mut counts = self.counts.clone();
        let conn = self.connected()?;
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await.map_err(wrong)?;
        let removed =
            remove_ended(&mut transaction, &mut counts, now, keep).await.map_err(wrong)?;
        transaction.commit().await.map_err(wrong)?;
        self.look_after().await?;
        self.counts = counts;
        self.totals.commits += u64::from(removed > 0);
        self.folding.add(removed);
        self.went_well(removed > 0);
        self.fold().await;
        Ok(removed == AT_ONCE)
    }

    /// Whether the disk takes something again, after it did not.
    pub(crate) async fn try_again(&mut self) {
        if let Err(error) = self.attempt_clock().await {
            self.failed(&error, 0).await;
        }
    }

    async fn attempt_clock(&mut self) -> Result<(), StoreError> {
        self.look_before().await?;
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        let now = self.clock.now();
        self.connection(true).await?;
        set_clock(self.connected()?, now).await.map_err(wrong)?;
        self.look_after().await?;
        self.totals.commits += 1;
        self.went_well(true);
        Ok(())
    }

    /// Looks whether the files are still those that were opened.
    pub(crate) async fn look(&mut self) {
        // Of what was altered nothing is known until it is opened anew.
        if matches!(self.totals.lost, Some(Loss::Altered(_))) {
            return;
        }
        match self.watch.look(self.ours()).await {
            Err(loss) => drop(self.lose(loss)),
            Ok(()) if self.totals.lost.is_some() => {
                tracing::info!("the files of the task store are back; it goes on");
                self.totals.lost = None;
                self.recount = true;
                if let Some(conn) = self.conn.take() {
                    drop(conn.close_hard().await);
                }
            }
            Ok(()) if self.conn.is_some() => drop(self.look_for_others().await),
            Ok(()) => {}
        }
    }

    /// A connection that was closed may fold the log in on its way.
    const fn ours(&self) -> Ours {
        if self.conn.is_some() { Ours::Commits } else { Ours::Reopened }
    }

    /// Before a commit, unless the one before was just looked after.
    async fn look_before(&mut self) -> Result<(), StoreError> {
        if self.conn.is_some() && self.watch.is_fresh() {
            return Ok(());
        }
        let ours = self.ours();
        self.watch.look(ours).await.map_err(|loss| self.lose(loss))
    }

    /// Before a commit is answered: one that went into a file that nobody will find is none.
    async fn look_after(&mut self) -> Result<(), StoreError> {
        self.watch.look(Ours::Commits).await.map_err(|loss| {
            let why = StoreError::Unknown(format!("the store was lost meanwhile: {loss}"));
            self.lose(loss);
            // The file may be put back, and what was written with it.
            self.recount = true;
            why
        })
    }

    /// From now on nothing is written.
    pub(crate) fn lose(&mut self, loss: Loss) -> StoreError {
        let error = lost_error(&self.config, &loss, &self.counts);
        if self.totals.lost.as_ref() != Some(&loss) {
            tracing::error!(%error, "the task store takes nothing any more");
        }
        self.totals.lost = Some(loss);
        error
    }

    /// Sees to a connection, with commits that wait for the disk or do not.
    async fn connection(&mut self, promise: bool) -> Result<(), StoreError> {
        if self.conn.is_none() {
            self.reconnect().await?;
        }
        if promise != self.synchronous {
            let pragma =
                if promise { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            let done = self.connected()?.execute(pragma).await;
            done.map_err(|error| classify(error, &self.config.path))?;
            self.synchronous = promise;
        }
        self.look_for_others().await
    }

    /// Whether another program has changed the database: it did so by SQLite's means, so that the
    /// files look as they should, and what was acknowledged may be gone from them.
    async fn look_for_others(&mut self) -> Result<(), StoreError> {
        let found = others(self.connected()?).await;
        if found.map_err(|error| classify(error, &self.config.path))? == self.others {
            return Ok(());
        }
        let what = "another program wrote into its database".to_owned();
        Err(self.lose(Loss::Altered(what)))
    }

    fn connected(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.conn.as_mut().ok_or_else(|| StoreError::Unknown("no connection".to_owned()))
    }

    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        let mut conn = connect(&self.config, false).await.map_err(wrong)?;
        // Reading opens the log; and a commit that failed may have been one.
        self.next_seq = next_seq(&mut conn).await.map_err(wrong)?;
        if self.recount {
            self.counts = counts(&mut conn).await.map_err(wrong)?;
            self.recount = false;
        }
        self.synchronous = true;
        self.others = others(&mut conn).await.map_err(wrong)?;
        self.watch.look(Ours::Reopened).await.map_err(|loss| self.lose(loss))?;
        self.conn = Some(conn);
        Ok(())
    }

    async fn attempt(&mut self, requests: &[Write]) -> Result<Written, StoreError> {
        self.look_before().await?;
        let path = self.config.path.clone();
        let wrong = |error| classify(error, &path);
        // First: a connection made anew counts anew.
        let promise = requests.iter().any(Write::is_promise);
        self.connection(promise).await?;
        let now = self.clock.now();
        let mut batch = Batch::new(now, self.config.max_queue, self.counts.clone(), self.next_seq);
        let (keep, stamp) = (self.config.keep_ended, self.watch.stamp(promise));
        let conn = self.connected()?;
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await.map_err(wrong)?;
        let answers =
            carry_out(&mut transaction, &mut batch, requests, keep).await.map_err(wrong)?;
        if batch.wrote
            && let Some(stamp) = &stamp
        {
            transaction.execute(AssertSqlSafe(stamp.as_str())).await.map_err(wrong)?;
        }
        if let Err(error) = transaction.commit().await {
            return Err(match wrong(error) {
                error @ (StoreError::Full(_) | StoreError::Busy(_)) => error,
                // The disk may or may not have it.
                error => {
                    self.recount = true;
                    StoreError::Unknown(error.to_string())
                }
            });
        }
        if batch.wrote && stamp.is_some() {
            self.watch.stamped(promise).await;
        }
        self.look_after().await?;
        self.folding.add(batch.records.len() + batch.bytes / PAGE_BYTES + 1);
        let full =
            |answer: &Answer| matches!(answer, Answer::Sweep(swept) if swept.removed == AT_ONCE);
        Ok(Written {
            prune: answers.iter().any(full),
            answers,
            counts: batch.counts,
            next_seq: batch.next_seq,
            transitions: batch.transitions,
            wrote: batch.wrote,
        })
    }

    /// Folds the log into the main file, when enough is in it. After the answers: nobody waits
    /// for it but the next commit. Done here, and not by SQLite within a commit, so that any
    /// other change of the main file is somebody else's.
    async fn fold(&mut self) {
        if !self.folding.is_due() {
            return;
        }
        let Some(conn) = self.conn.as_mut() else { return };
        let witness = match self.watch.before_fold().await {
            Ok(witness) => witness,
            Err(loss) => return drop(self.lose(loss)),
        };
        let folded = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await;
        let pages = folded.and_then(|row| row.try_get::<i64, _>(1));
        self.folding.done(pages.as_ref().map_or(0, |&pages| pages.max(0).cast_unsigned()));
        if let Err(error) = pages
            && let Some(left_out) = self.failures.admit(self.node.now())
        {
            // What is promised is in the log: this is tried again.
            tracing::warn!(%error, left_out, "the log of the task store could not be folded in");
        }
        if let Err(loss) = self.watch.after_fold(witness).await {
            drop(self.lose(loss));
        }
    }
}

/// SQLite's number of the last change of the database by another connection: of use to compare
/// only (<https://www.sqlite.org/pragma.html#pragma_data_version>).
pub(crate) async fn others(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(conn).await
}

/// What a connection has found out about its file.
pub(crate) fn malformed(what: &str) -> String {
    format!("what is in it is damaged ({what})")
}

/// What whoever asks is told about a loss, with how much it concerns.
pub(crate) fn lost_error(config: &StoreConfig, loss: &Loss, counts: &Counts) -> StoreError {
    let (unfinished, all) = counts.all();
    let what = format!("{loss}; it held {all} tasks, {unfinished} of them not finished");
    StoreError::Lost { path: config.path.display().to_string(), what }
}

/// What a commit came to.
struct Written {
    answers: Vec<Answer>,
    counts: Counts,
    next_seq: i64,
    transitions: Vec<TaskTransition>,
    wrote: bool,
    prune: bool,
}

/// What a request is answered with, once the commit is done.
pub(crate) enum Answer {
    Submit(Vec<Result<Submitted, TaskError>>),
    Execute(Vec<Result<TaskView, TaskError>>),
    Claim(Claimed),
    /// Of a taking back or a release: how many there were.
    Taken(usize),
    Sweep(Swept),
    Kept,
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
            (Self::Kept, Write::Budgets(_, reply)) => drop(reply.send(Ok(()))),
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
                // When to come again is found out below, when all is written.
                Answer::Sweep(Swept { expired, removed, next: None, now: batch.now })
            }
            Write::Budgets(usage, _) => {
                crate::budgets::keep(conn, usage).await?;
                Answer::Kept
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
    // What was not promised does not bind the clock, and an idle store writes nothing.
    if requests.iter().any(Write::is_promise) {
        set_clock(conn, batch.now).await?;
        batch.wrote = true;
    }
    Ok(answers)
}

async fn set_clock(conn: &mut Conn, now: TaskTime) -> Result<(), sqlx::Error> {
    sqlx::query(SET_CLOCK).bind(now.as_millis().to_string()).execute(conn).await.map(drop)
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
    batch.wrote |= !dirty.is_empty() || !batch.steps.is_empty() || !batch.checkpoints.is_empty();
    let records = dirty.iter().filter_map(|id| batch.records.get(id));
    let seq = |record: &TaskRecord| batch.seqs.get(&record.id).copied().unwrap_or_default();
    let rows: Vec<_> = records.map(|record| TaskRow::new(record, seq(record), batch.now)).collect();
    let mut bytes = write(conn, UPSERT_TASKS, &rows).await?;
    let hexed = |(id, text): (TaskId, String)| (hex(id), text);
    let requests: Vec<_> = batch.requests.drain(..).map(hexed).collect();
    bytes += write(conn, INSERT_REQUESTS, &requests).await?;
    let results: Vec<_> = batch.results.drain(..).map(hexed).collect();
    bytes += write(conn, INSERT_RESULTS, &results).await?;
    let steps = std::mem::take(&mut batch.steps).into_iter();
    let steps: Vec<_> = steps.map(|((id, name), value)| (hex(id), name, value)).collect();
    bytes += write(conn, UPSERT_STEPS, &steps).await?;
    let checkpoints = std::mem::take(&mut batch.checkpoints).into_iter();
    let checkpoints = checkpoints.map(hexed).collect::<Vec<_>>();
    batch.bytes += bytes + write(conn, UPSERT_CHECKPOINTS, &checkpoints).await?;
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

/// Writes rows; gives how many bytes they are as text.
async fn write<T: serde::Serialize>(
    conn: &mut Conn,
    sql: &'static str,
    rows: &[T],
) -> Result<usize, sqlx::Error> {
    let mut bytes = 0;
    for rows in rows.chunks(CHUNK) {
        let rows = json(&rows)?;
        bytes += rows.len();
        sqlx::query(sql).bind(rows).execute(&mut *conn).await?;
    }
    Ok(bytes)
}

async fn found(conn: &mut Conn, sql: &'static str) -> Result<Vec<TaskId>, sqlx::Error> {
    Ok(ids_at(&sqlx::query(sql).fetch_all(conn).await?, 0))
}

async fn overdue(conn: &mut Conn, now: TaskTime) -> Result<Vec<TaskId>, sqlx::Error> {
    let query = sqlx::query(LOAD_OVERDUE).bind(now.as_millis().cast_signed()).bind(SWEEP);
    Ok(ids_at(&query.fetch_all(conn).await?, 0))
}

/// How long until a lease or a deadline is over, or something has been kept for long enough.
async fn next_sweep(
    conn: &mut Conn,
    now: TaskTime,
    keep: Duration,
) -> Result<Option<Duration>, sqlx::Error> {
    let expires: Option<i64> = sqlx::query_scalar(NEXT_EXPIRY).fetch_one(&mut *conn).await?;
    let ended: Option<i64> = sqlx::query_scalar(FIRST_ENDED).fetch_one(&mut *conn).await?;
    let at = |millis: i64| TaskTime::from_millis(millis.cast_unsigned());
    let over = ended.map(|ended| at(ended) + keep + Duration::from_millis(1));
    Ok(expires.map(at).into_iter().chain(over).min().map(|next| next.since(now)))
}
