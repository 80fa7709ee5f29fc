//! The places of connections: the pure counts, shared, with somebody to wait for them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limits::Limits;
use crate::logic::{Admission, Full, Ticket};

/// The places of one listener. The lock is held for a look-up.
#[derive(Debug)]
pub(crate) struct Places {
    admission: Mutex<Admission>,
    freed: Notify,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let admission = Admission::new(limits.connections, limits.per_address);
        Arc::new(Self { admission: Mutex::new(admission), freed: Notify::new() })
    }

    /// Takes a place for a connection from `address`.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Full> {
        let ticket = self.admission().enter(address)?;
        Ok(Place { of: Arc::clone(self), ticket: Some(ticket) })
    }

    /// Waits until the total leaves room for one more.
    ///
    /// Reserves nothing: the loop that waits here is the only one that enters.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub(crate) async fn room(&self) {
        loop {
            // Made before the look: a place given back between the two is not missed.
            let freed = self.freed.notified();
            if self.admission().has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Waits until a connection gives its place back, from the first poll on.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Locks the counts, which no panic leaves half done.
    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<Places>,
    ticket: Option<Ticket>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        self.of.admission().leave(ticket);
        self.of.freed.notify_waiters();
    }
}
