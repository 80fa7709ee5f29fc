//! Admission of requests: the gateway's own gate, and that of a node.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

/// The state of a gateway, which decides whether requests that do work are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Bound, and answering only probes of health: the node is starting.
    Starting,
    /// Taking work.
    Serving,
    /// Finishing requests in progress and taking no new ones.
    Draining,
}

/// A future that ends when a gate has closed.
pub type Closed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Lets requests in, for a node that counts those inside and waits for them before it stops.
pub trait Admission: Send + Sync + 'static {
    /// Lets one request in, which is inside until the value is dropped.
    ///
    /// # Errors
    /// [`Gate::Starting`] or [`Gate::Draining`]: the request is then answered 503.
    fn enter(&self) -> Result<Box<dyn Any + Send + Sync>, Gate>;

    /// Resolves when it will let no more in: requests that have not arrived by then are not waited
    /// for. By default it never does.
    fn closed(&self) -> Closed<'_> {
        Box::pin(std::future::pending())
    }
}
