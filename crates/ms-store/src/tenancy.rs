//! The parts of a store that outlive one life of its actor, and the right of a life to write.
//!
//! A life whose thread is blocked for good is abandoned with all it has. If it owned the lock file
//! or a transaction half done, no successor could ever write. So the lock belongs to the store,
//! commits run one at a time on threads that nobody blocks, and a life that has a successor begins
//! no further commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::{EventLog, OpenResource};
use ms_core::task::{StoreError, TaskLogEvent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::guard::Guard;

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
    // Not in the node's log: tasks come by the ten thousand a second, and would push the exit of an
    // actor out of a common log before anybody has read it.
    events: EventLog<TaskLogEvent>,
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

    /// Returns the log of events about tasks, whose numbers go on over the lives of the actor.
    pub(crate) fn events(&self) -> &EventLog<TaskLogEvent> {
        &self.0.events
    }

    /// Waits for the write of an earlier life, and ends its right to write more.
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

    /// Sets the locks; they are listed as open until they are given back.
    pub(crate) fn has(&self, guard: &Arc<Guard>, listed: OpenResource) {
        let mut held = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some((Arc::clone(guard), listed));
    }

    /// Returns whether the locks are given back.
    pub(crate) fn is_free(&self) -> bool {
        self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Gives the locks back, even while others still share them.
    pub(crate) fn leave(&self) {
        let guard = self.0.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((guard, _)) = guard {
            guard.leave();
        }
    }
}

impl Tenancy {
    /// Returns the semaphore with the one permit to write.
    pub(crate) fn turn(&self) -> Arc<Semaphore> {
        Arc::clone(&self.holding.0.turn)
    }

    /// Returns whether no later life has opened the file.
    pub(crate) fn is_current(&self) -> bool {
        self.holding.0.life.load(Ordering::Acquire) == self.life
    }
}
