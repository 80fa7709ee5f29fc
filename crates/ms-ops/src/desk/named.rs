//! Operations that are asked for by name, behind one type.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Desk;
use super::watch::Watching;
use crate::caller::Caller;
use crate::codes;
use crate::error::OpError;
use crate::operation::{Kind, Once, Ongoing, Operation};
use crate::written::Written;

/// An operation that has been read from its name and fields, and has not been carried out yet.
pub trait Prepared: Send + fmt::Debug {
    /// Returns its effect on the system.
    fn kind(&self) -> Kind;

    /// Returns the time it takes by its nature.
    fn takes(&self) -> Duration;

    /// Checks everything that needs no provider.
    ///
    /// # Errors
    /// As [`Operation::check`].
    fn check(&self) -> Result<(), OpError>;

    /// Asks the desk for its answer. One that has items is refused with
    /// `STREAMED`.
    fn call(
        self: Box<Self>,
        desk: Desk,
        caller: Caller,
        within: Duration,
    ) -> BoxFuture<'static, Result<Written, OpError>>;

    /// Asks the desk for its items.
    ///
    /// # Errors
    /// As [`Desk::watch`]; one that has no items is a `BAD_REQUEST`.
    fn watch(
        self: Box<Self>,
        desk: &Desk,
        caller: Caller,
        within: Duration,
    ) -> Result<Watching<Written>, OpError>;
}

type Calls<O> = fn(Desk, Caller, Duration, O) -> BoxFuture<'static, Result<Written, OpError>>;
type Watches<O> = fn(&Desk, Caller, Duration, O) -> Result<Watching<Written>, OpError>;

/// An operation with the two ways to ask for it, one of which is a refusal.
struct Named<O> {
    op: O,
    // Function pointers, because only here it is known whether `O` is `Once` or `Ongoing`.
    calls: Calls<O>,
    watches: Watches<O>,
}

pub(crate) fn once<O: Once>(op: O) -> Box<dyn Prepared> {
    Box::new(Named {
        op,
        calls: |desk, caller, within, op| {
            Box::pin(async move { desk.call(caller, within, op).await.map(Written::new) })
        },
        watches: |_, _, _, _| Err(OpError::bad_request("this request has no stream")),
    })
}

pub(crate) fn ongoing<O: Ongoing>(op: O) -> Box<dyn Prepared> {
    Box::new(Named {
        op,
        calls: |_, _, _, _| {
            let what = format!("{} is answered by a stream, and has no single answer", O::NAME);
            let refusal = OpError::new(&codes::STREAMED, what)
                .next("ask for its items: `msctl events`, `msctl tree` or `msctl trace`");
            Box::pin(async { Err(refusal) })
        },
        watches: |desk, caller, within, op| {
            Ok(desk.watch(caller, within, op)?.map_items(Written::new))
        },
    })
}

impl<O: Operation> Prepared for Named<O> {
    fn kind(&self) -> Kind {
        O::KIND
    }

    fn takes(&self) -> Duration {
        self.op.takes()
    }

    fn check(&self) -> Result<(), OpError> {
        self.op.check()
    }

    fn call(
        self: Box<Self>,
        desk: Desk,
        caller: Caller,
        within: Duration,
    ) -> BoxFuture<'static, Result<Written, OpError>> {
        (self.calls)(desk, caller, within, self.op)
    }

    fn watch(
        self: Box<Self>,
        desk: &Desk,
        caller: Caller,
        within: Duration,
    ) -> Result<Watching<Written>, OpError> {
        (self.watches)(desk, caller, within, self.op)
    }
}

impl<O: fmt::Debug> fmt::Debug for Named<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.op).finish()
    }
}
