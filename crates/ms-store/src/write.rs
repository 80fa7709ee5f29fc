//! The writer: its connection, its commits, and what it does when one fails.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::Node;
use ms_core::Repeats;
use ms_core::task::{StoreError, TaskLogEvent, TaskTransition};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

use crate::answer::Answer;
use crate::batch::{Batch, Counts};
use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::connection::{connect, counts, next_seq, others};
use crate::error::classify;
use crate::folding::Folding;
use crate::marks::{Loss, Ours};
use crate::messages::{Touch, Write};
use crate::prune::{AT_ONCE, remove_ended};
use crate::tenancy::Holding;
use crate::totals::{SharedTotals, Totals, lost_error, malformed};
use crate::transaction::{carry_out, set_clock};
use crate::watch::Watch;

/// Time for which writing counts as in trouble after a failed commit, even if others succeed.
const TROUBLE_LASTS: Duration = Duration::from_secs(5);
/// Shortest time between two log lines about failed commits.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Bytes of a page, to estimate the pages that bodies take.
const PAGE_BYTES: usize = 4_096;

/// The one connection that writes, and its state.
pub(crate) struct Writer {
    config: StoreConfig,
    /// The node whose clock the events go by.
    node: Node,
    /// Publishes the events of what was written.
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
    shared: SharedTotals,
}

/// The parts of a writer that opening a store yields.
pub(crate) struct Opened {
    pub(crate) clock: StoreClock,
    pub(crate) watch: Watch,
    pub(crate) conn: SqliteConnection,
    pub(crate) counts: Counts,
    pub(crate) next_seq: i64,
    pub(crate) others: i64,
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
            shared: SharedTotals::new(totals.clone()),
            totals,
        }
    }

    pub(crate) const fn config(&self) -> &StoreConfig {
        &self.config
    }

    pub(crate) fn shared(&self) -> SharedTotals {
        self.shared.clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals.clone()
    }

    /// Closes the connection, which folds the write-ahead log into the main file. If that is not
    /// the file that was opened, everything stays as it is.
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
                self.shared.set(&self.totals);
                for (request, answer) in requests.into_iter().zip(answers) {
                    answer.send(request);
                }
                // Last: a caller never waits for readers of events.
                let events = transitions.into_iter().map(TaskLogEvent::Moved);
                self.holding.events().publish(events, || self.node.now().as_millis());
                self.fold().await;
            }
            Err(error) => {
                self.failed(&error, requests.len()).await;
                self.shared.set(&self.totals);
                requests.into_iter().for_each(|request| request.refuse(error.clone()));
            }
        }
    }

    /// Answers the checks whether a write would succeed now.
    pub(crate) async fn answer(&mut self, touches: Vec<Touch>) {
        if touches.is_empty() {
            return;
        }
        let done = self.touch().await;
        for Touch(reply) in touches {
            // The caller may have gone meanwhile.
            drop(reply.send(done.clone()));
        }
    }

    /// Checks what a commit needs besides room: its own files, the database's lock, and a disk that
    /// takes a write. It changes nothing in the database and does not count as a commit.
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

    /// Notes a commit that succeeded. A commit that wrote nothing does not clear the trouble, nor
    /// does one that fits while many others fail.
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
        // Its state is not known. Closing it rolls back, and the next commit makes a new one.
        match self.conn.take() {
            // Closing it could write into a file that is not ours.
            conn if matches!(self.totals.lost, Some(Loss::Altered(_))) => std::mem::forget(conn),
            Some(conn) if self.totals.lost.is_none() => drop(conn.close_hard().await),
            // A file that moved is still open, and may come back.
            conn => self.conn = conn,
        }
        if let Some(left_out) = self.failures.admit(now) {
            tracing::warn!(%error, requests, left_out, "a commit failed");
        }
        self.totals.failed = Some(now);
        self.totals.trouble = Some(format!("the last commit failed: {error}"));
    }

    /// Removes some of the tasks that ended long ago, and notes whether there are more.
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

    /// Tries whether the disk takes writes again.
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

    /// Checks that the files are still those that were opened.
    pub(crate) async fn look(&mut self) {
        // Once a file was altered, only opening it anew tells more.
        if matches!(self.totals.lost, Some(Loss::Altered(_))) {
            return;
        }
        match self.watch.look(self.ours()).await {
            Err(loss) => drop(self.lose(loss)),
            Ok(()) if self.totals.lost.is_some() => {
                tracing::info!("the files of the task store are back; it resumes work");
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

    /// Returns what this writer may have changed in the files: closing a connection may fold the
    /// log in.
    const fn ours(&self) -> Ours {
        if self.conn.is_some() { Ours::Commits } else { Ours::Reopened }
    }

    /// Checks the files before a commit, unless they were checked a moment ago.
    async fn look_before(&mut self) -> Result<(), StoreError> {
        if self.conn.is_some() && self.watch.is_fresh() {
            return Ok(());
        }
        let ours = self.ours();
        self.watch.look(ours).await.map_err(|loss| self.lose(loss))
    }

    /// Checks the files before a commit is answered: a commit into a file that nobody will find
    /// again does not count.
    async fn look_after(&mut self) -> Result<(), StoreError> {
        self.watch.look(Ours::Commits).await.map_err(|loss| {
            let why = StoreError::Unknown(format!("the store was lost meanwhile: {loss}"));
            self.lose(loss);
            // The file may be put back, and what was written with it.
            self.recount = true;
            why
        })
    }

    /// Stops all writing for good, and returns the error for callers.
    pub(crate) fn lose(&mut self, loss: Loss) -> StoreError {
        let error = lost_error(&self.config, &loss, &self.counts);
        if self.totals.lost.as_ref() != Some(&loss) {
            tracing::error!(%error, "the task store no longer accepts requests");
        }
        self.totals.lost = Some(loss);
        error
    }

    /// Makes sure that there is a connection, whose commits wait for the disk if `promise` is set.
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

    /// Checks that no other program has changed the database through SQLite: the files would look
    /// as they should, and acknowledged tasks could be gone.
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
        // Reading opens the log; and a commit that failed may have succeeded after all.
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
        // First: a new connection counts the tasks anew.
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
                // The disk may or may not have the commit.
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

    /// Folds the log into the main file once it is long enough. It runs after the answers, so only
    /// the next commit waits for it. SQLite does not do it within a commit, so that any other
    /// change of the main file is known to be another program's.
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
            // Nothing is lost: acknowledged writes are in the log, and the fold is tried again.
            tracing::warn!(%error, left_out, "the write-ahead log of the task store could not be \
                 checkpointed");
        }
        if let Err(loss) = self.watch.after_fold(witness).await {
            drop(self.lose(loss));
        }
    }
}

/// The result of a commit.
struct Written {
    answers: Vec<Answer>,
    counts: Counts,
    next_seq: i64,
    transitions: Vec<TaskTransition>,
    wrote: bool,
    prune: bool,
}
