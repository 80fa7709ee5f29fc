//! What the actor `emergency` is sent.

use actix::Message;

/// Something a service should not live with for long.
#[derive(Debug)]
pub(crate) struct CriticalError(pub(crate) String);

impl Message for CriticalError {
    type Result = ();
}
