//! What belongs to the store of a process, and not to one life of its actor.
//!
//! A life whose thread is blocked for good is abandoned with all it has: had it the lock file
//! to itself, or a transaction half done, no successor could ever write. So the lock is the
//! store's, commits run on threads that nobody blocks, one at a time, and a life that has a
//! successor does not begin another one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::{EventLog, OpenResource};
use ms_core::task::{StoreError, TaskTransition};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::actor::Job;
use crate::guard::Guard;
use crate::write::Writer;

/// Events about tasks that are kept for readers that come later, or lag.
const KEPT_EVENTS: usize = 8192;

/// The locks of the file, the turn to write, and the log of what was written. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Holding(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    guard: Mutex<Option<(Arc<Guard>, OpenResource)>>,
    /// One permit: to open the file, or to write.
    turn: Arc<Semaphore>,
    /// The number of the latest life that opened the file.
    life: AtomicU64,
    // Not in the node's log: tasks come by the ten thousand a second, and would push the end of an
    // actor out of a common one before anybody has looked.
    events: EventLog<TaskTransition>,
}

/// The right of one life of the actor to write, until the next one opens the file.
#[derive(Debug, Clone)]
pub(crate) struct Tenancy {
    holding: Holding,
    life: u64,
}

impl Holding {
    pub(crate) fn new() -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self(Arc::new(Inner {
            guard: Mutex::default(),
            turn,
            life: AtomicU64::new(0),
            events: EventLog::new(KEPT_EVENTS),
        }))
    }

    /// What happens to tasks, with numbers that go on over the lives of the actor.
    pub(crate) fn events(&self) -> &EventLog<TaskTransition> {
        &self.0.events
    }

    /// Waits for what an earlier life is writing, and ends its right to write more.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when that has not ended in this time.
    pub(crate) async fn take_over(
        &self,
        within: Duration,
    ) -> Result<(Tenancy, OwnedSemaphorePermit), StoreError> {
        let turn = tokio::time::timeout(within, Arc::clone(&self.0.turn).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let what = format!("a commit of an earlier life has not ended within {within:?}");
            return Err(StoreError::Unknown(what));
        };
        let life = self.0.life.fetch_add(1, Ordering::AcqRel) + 1;
        Ok((Tenancy { holding: self.clone(), life }, turn))
    }

    /// These are the locks now; they are listed as open until they are given back.
    pub(crate) fn has(&self, guard: &Arc<Guard>, listed: OpenResource) {
        let mut held = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some((Arc::clone(guard), listed));
    }

    /// Whether the locks are given back.
    pub(crate) fn is_free(&self) -> bool {
        self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Gives the locks back, whoever has a share of them still.
    pub(crate) fn leave(&self) {
        let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((guard, _)) = guard {
            guard.leave();
        }
    }
}

impl Tenancy {
    /// Does a job on a thread of its own: it ends whatever becomes of the actor and its
    /// thread. A life that has a successor is refused.
    pub(crate) async fn carry_out(self, mut writer: Box<Writer>, job: Job) -> Box<Writer> {
        let turn = Arc::clone(&self.holding.0.turn);
        let Ok(turn) = turn.acquire_owned().await else { return writer };
        let (this, here) = (self.clone(), Handle::current());
        let work = tokio::task::spawn_blocking(move || {
            match this.is_current() {
                true => here.block_on(job.carry_out(&mut writer)),
                false => job.refuse(&StoreError::Away("it has a successor".to_owned())),
            }
            drop(turn);
            writer
        });
        match work.await {
            Ok(writer) => writer,
            // A panic in it is the actor's, and its supervisor's to mend.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Called off: the runtime of this thread ends, and the actor with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    fn is_current(&self) -> bool {
        self.holding.0.life.load(Ordering::Acquire) == self.life
    }
}
