//! The messages of the actor `emergency`.

use actix::Message;

/// An error that a service should not live with for long.
#[derive(Debug)]
pub(crate) struct CriticalError(pub(crate) String);

impl Message for CriticalError {
    type Result = ();
}
