//! Looking after the files of an open store: `guard.rs` looks, `marks.rs` judges, this remembers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::guard::{Guard, Known};
use crate::marks::{Loss, Marks, Ours, judge};
use crate::witness::Witness;

/// Time for which a look counts as new.
const FRESH: Duration = Duration::from_millis(5);
/// Time for which a commit may be unknown to the process that opens the store next.
const STAMP_EVERY: Duration = Duration::from_secs(1);

/// The files as they were seen last.
pub(crate) struct Watch {
    guard: Arc<Guard>,
    identity: String,
    marks: Marks,
    looked: Instant,
    /// The generation that was written last; it is in the main file once the log is folded in.
    generation: u32,
    /// Whether the log was folded in since.
    folded: bool,
    /// The time at which a commit that waited for the disk last remembered a generation.
    stamped: Option<Instant>,
}

impl Watch {
    /// Begins with the files as they are now; `generation` is the one written last.
    pub(crate) async fn begin(
        guard: Arc<Guard>,
        identity: String,
        generation: u32,
    ) -> io::Result<Self> {
        let known = identity.clone();
        let marks = blocking(&guard, move |guard| {
            let marks = guard.look()?;
            if marks.lock != Some(guard.lock_id()?) || marks.main.is_none() {
                return Err(io::Error::other("its files were replaced while it was opened"));
            }
            let there = marks.generation();
            let known = Known { identity: known, generation: there, committed: generation };
            guard.remember(&known)?;
            Ok(marks)
        });
        let marks = marks.await?;
        let looked = Instant::now();
        Ok(Self { guard, identity, marks, looked, generation, folded: false, stamped: None })
    }

    /// Writes to the disk without changing anything.
    pub(crate) async fn touch(&self) -> io::Result<()> {
        blocking(&self.guard, Guard::touch).await
    }

    /// Returns whether the last look was a moment ago.
    pub(crate) fn is_fresh(&self) -> bool {
        self.looked.elapsed() < FRESH
    }

    /// Checks that the files are still those of before.
    pub(crate) async fn look(&mut self, ours: Ours) -> Result<(), Loss> {
        let looked = blocking(&self.guard, Guard::look).await;
        let now = looked.map_err(unseen)?;
        judge(&self.marks, &now, ours)?;
        self.folded |= ours == Ours::Checkpoint;
        let higher = now.generation() > self.marks.generation();
        self.marks = now;
        self.looked = Instant::now();
        // Only a higher one: writing the lock file at each look would cost a sync each time.
        if higher {
            self.remember().await;
        }
        Ok(())
    }

    /// Remembers, before the log is folded in, pages that the fold must leave unchanged.
    pub(crate) async fn before_fold(&mut self) -> Result<Witness, Loss> {
        let witness = blocking(&self.guard, Guard::witness).await.map_err(unseen)?;
        // After the witness: if the files are unchanged now, it saw them so.
        self.look(Ours::Commits).await?;
        Ok(witness)
    }

    /// Checks, after the fold, the files and those pages.
    pub(crate) async fn after_fold(&mut self, witness: Witness) -> Result<(), Loss> {
        // First: the next look sees any change from here on.
        self.look(Ours::Checkpoint).await?;
        let agrees = blocking(&self.guard, move |guard| guard.agrees(&witness)).await;
        if agrees.map_err(unseen)? {
            return Ok(());
        }
        let what =
            "its file was truncated or overwritten during a checkpoint of its write-ahead log";
        Err(Loss::Altered(what.to_owned()))
    }

    /// Returns the statement that marks the next generation, if one is due: when the log was folded
    /// in, and now and then in commits that wait for the disk, so that the next opening notices a
    /// log that was lost or cut.
    pub(crate) fn stamp(&self, promise: bool) -> Option<String> {
        let long_ago = self.stamped.is_none_or(|stamped| stamped.elapsed() >= STAMP_EVERY);
        let due = self.folded || (promise && long_ago);
        due.then(|| stamp(self.generation.saturating_add(1)))
    }

    /// Notes that the stamp was written. The lock file remembers it only after a commit that waited
    /// for the disk: after a power failure it must not be ahead of the log.
    pub(crate) async fn stamped(&mut self, promise: bool) {
        self.folded = false;
        self.generation = self.generation.saturating_add(1);
        if !promise {
            return;
        }
        self.stamped = Some(Instant::now());
        let known = self.known();
        self.remembered(blocking(&self.guard, move |guard| guard.note(&known)).await);
    }

    /// Ends the watch once all connections are closed and the log is in the main file.
    pub(crate) async fn closed(mut self, lost: bool) {
        if !lost && let Err(loss) = self.look(Ours::Reopened).await {
            tracing::error!(%loss, "the task store was lost before it was closed");
        }
        self.guard.close();
    }

    /// Writes into the lock file how far the database has come. Without this hint an older copy
    /// would pass for the store that was here.
    async fn remember(&self) {
        let known = self.known();
        self.remembered(blocking(&self.guard, move |guard| guard.remember(&known)).await);
    }

    fn known(&self) -> Known {
        Known {
            identity: self.identity.clone(),
            generation: self.marks.generation(),
            committed: self.generation,
        }
    }

    fn remembered(&self, done: io::Result<()>) {
        if let Err(error) = done {
            tracing::warn!(%error, "the lock file of the task store cannot be written");
        }
    }
}

/// Returns the statement that gives the database this generation.
pub(crate) fn stamp(generation: u32) -> String {
    format!("PRAGMA user_version = {}", generation.min(i32::MAX.unsigned_abs()))
}

fn unseen(error: io::Error) -> Loss {
    Loss::Moved(format!("the metadata of its files cannot be read: {error}"))
}

/// Runs file operations on a blocking thread, so that a disk that hangs does not hang the arbiter.
async fn blocking<T: Send + 'static>(
    guard: &Arc<Guard>,
    work: impl FnOnce(&Guard) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let guard = Arc::clone(guard);
    let done = tokio::task::spawn_blocking(move || work(&guard)).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
