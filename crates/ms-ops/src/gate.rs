//! The first and the third step: the node takes requests now, and has room for one more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::{Door, Pass, Principal};
use crate::codes;
use crate::error::OpError;
use crate::policy::Action;

/// The reason why a gate is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shut {
    /// The node is starting.
    Starting,
    /// The node finishes what is in progress.
    Draining,
}

impl From<Shut> for OpError {
    fn from(shut: Shut) -> Self {
        let what = match shut {
            Shut::Starting => "the node has not finished its start",
            Shut::Draining => "the node is stopping",
        };
        Self::new(&codes::UNREACHABLE, what)
    }
}

/// Decides whether the node takes a request now.
pub trait Gate: Send + Sync + 'static {
    /// Lets a request in, which is inside until its pass is dropped.
    ///
    /// # Errors
    /// [`Shut`], with the reason.
    fn enter(&self, door: Door, action: Action) -> Result<Option<Pass>, Shut>;
}

/// A gate that is always open, because an operator must be able to look at a node that does not
/// come up or does not go down. Doors that take work bring a pass of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Gate for Open {
    fn enter(&self, _: Door, _: Action) -> Result<Option<Pass>, Shut> {
        Ok(None)
    }
}

/// Decides whether there is room for another request of a caller.
pub trait Rate: Send + Sync + 'static {
    /// Takes a request, which is in progress until its pass is dropped.
    ///
    /// # Errors
    /// The refusal.
    fn take(&self, who: &Principal, action: Action) -> Result<Pass, OpError>;
}

/// Bounds the operations in progress at a time, for all callers together.
///
/// Doors bound their connections, but that does not bound operations: a write goes on when its
/// caller leaves, and the next caller may come.
#[derive(Debug, Clone)]
pub struct InHand {
    room: Arc<Semaphore>,
    most: usize,
}

impl InHand {
    /// More than the connections of all doors together.
    pub const USUAL: usize = 16_384;

    /// Creates a bound of this many at a time.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(most)), most }
    }
}

impl Default for InHand {
    fn default() -> Self {
        Self::at_most(Self::USUAL)
    }
}

impl Rate for InHand {
    fn take(&self, _: &Principal, _: Action) -> Result<Pass, OpError> {
        // Not waited for: a queue here would need a bound of its own, and its callers may leave it.
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => Ok(held(permit)),
            Err(_) => {
                let what = format!("all {} slots for operations are in use", self.most);
                Err(OpError::new(&codes::BUSY, what).next("try again in a moment"))
            }
        }
    }
}

fn held(permit: OwnedSemaphorePermit) -> Pass {
    Box::new(permit)
}
