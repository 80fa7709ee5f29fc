//! What is done to a mailbox past its bound: the kernel's own notices, and signs of life.

use actix::{Actor, Handler, Message};

use crate::cell::hosted::Cell;
use crate::mail::message::Envelope;
use crate::refs::handle::Ref;
use crate::run::context::Context;
use crate::run::delivery::Typed;
use crate::sync::lock;

/// Delivers a notice of the kernel past the mailbox's bound: such notices are
/// bounded by what asked for them.
pub(crate) fn notify_unbounded<A, M>(cell: &Cell<A>, message: M)
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let typed = Box::new(Typed { message, reply: None, deadline: None });
    let mut mailbox = lock(&cell.mailbox);
    if mailbox.is_closed() {
        return;
    }
    let wake = mailbox.push(Envelope { message: typed, stamp: 0 }, &cell.core.arbiter, || 0);
    drop(mailbox);
    if let Some(elsewhere) = wake {
        elsewhere.wake();
    }
}

impl<A: Actor<Context = Context<A>>> Ref<A> {
    /// Says, on the actor's behalf, that a handler which takes long is not hung.
    pub fn heartbeat(&self) {
        let now = self.cell().core.node.coarse();
        lock(&self.cell().mailbox).heartbeat(now);
    }
}
