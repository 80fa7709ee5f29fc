//! Who lets requests in, where that is not the gateway's own gate.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

/// Whether requests that do work are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Bound, and answering health only: the node is starting.
    Starting,
    /// Taking work.
    Serving,
    /// Finishing what is in hand, taking nothing new.
    Draining,
}

/// A future that ends when a gate has closed.
pub type Closed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Lets work in, for gateways of a node that counts what is inside before it stops.
pub trait Admission: Send + Sync + 'static {
    /// Lets one request in; it is inside until what this returns is dropped.
    ///
    /// # Errors
    /// [`Gate::Starting`] or [`Gate::Draining`]: the request is answered 503.
    fn enter(&self) -> Result<Box<dyn Any + Send + Sync>, Gate>;

    /// Resolves when it lets nothing in any more, for good: then nobody waits any longer for
    /// requests that have not arrived. Unless it says otherwise, never.
    fn closed(&self) -> Closed<'_> {
        Box::pin(std::future::pending())
    }
}
