//! The messages of the saving actor, and those it sends to components.

use std::fmt;
use std::sync::Arc;

use actix::Message;
use ms_actor::Port;
use ms_core::{ActorPath, Incarnation};
use zeroize::Zeroizing;

use crate::error::{ExtractError, SaveError};
use crate::persist::{Persist, encode};
use crate::store::{Item, SaveReport};

/// Asks a component for its state.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Extracted, ExtractError>")]
pub struct Extract;

/// The state of a component, in clear.
#[derive(Clone)]
pub struct Extracted {
    schema: u32,
    incarnation: Incarnation,
    state: Zeroizing<Vec<u8>>,
}

impl Extracted {
    /// Encodes the state of a component, as the answer to [`Extract`].
    ///
    /// # Errors
    /// [`ExtractError::Encode`] when the state cannot be encoded.
    pub fn of<P: Persist>(component: &P, incarnation: Incarnation) -> Result<Self, ExtractError> {
        let state = Zeroizing::new(encode(component).map_err(ExtractError::Encode)?);
        Ok(Self { schema: P::SCHEMA, incarnation, state })
    }

    pub(crate) fn into_item(self, id: ActorPath) -> Item {
        Item { id, incarnation: self.incarnation.0, schema: self.schema, state: self.state }
    }
}

impl fmt::Debug for Extracted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extracted({}, schema {}, [redacted])", self.incarnation, self.schema)
    }
}

/// Registers a component, which is asked for its state at every save from now on.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Register(pub Port<Extract>);

/// Hands over the final state of a component that stops. The next save includes it, though the
/// component cannot be asked any more.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Put(pub ActorPath, pub Extracted);

/// Saves all components now, and answers when the save is on disk.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Arc<SaveReport>, Arc<SaveError>>")]
pub struct SaveAll;

/// Asks for the [`SnapshotStatus`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "SnapshotStatus")]
pub struct Status;

/// The counts of the saving actor, and the problem of its last save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Sequence of the last save that counts.
    pub sequence: u64,
    /// Number of saves since the start.
    pub saves: u64,
    /// Number of saves since the start that failed in whole or in part.
    pub failures: u64,
    /// What was wrong with the last save; `None` when it was good. Work goes on in memory
    /// meanwhile.
    pub degraded: Option<String>,
}

/// Tells the actor itself that the next periodic save is due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Tick;
