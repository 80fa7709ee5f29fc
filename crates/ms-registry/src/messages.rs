//! The changes of the registry, as messages to its actor.

use actix::Message;
use ms_actor::{AnyRef, Port};

use crate::error::{GroupError, RegisterError, WatchError};
use crate::logic::table::{Snapshot, Table};
use crate::name::Name;
use crate::service::{KeyId, Provided, ServiceError};
use crate::watch::{RegistryEvent, Subscription, Watched};

/// One change, as a function of the table. What it returns is the answer to the caller.
pub(crate) trait Write: Send + 'static {
    type Answer: Send + 'static;

    fn write(self, table: &mut Table) -> Self::Answer;
}

/// Carries a change to the actor. One message type for all changes gives the actor one handler,
/// so that no change can skip the batching.
pub(crate) struct Do<W>(pub(crate) W);

impl<W: Write> Message for Do<W> {
    type Result = W::Answer;
}

pub(crate) struct Register {
    pub(crate) name: Name,
    pub(crate) owner: AnyRef,
}

impl Write for Register {
    type Answer = Result<(), RegisterError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.register(self.name, self.owner)
    }
}

pub(crate) struct Unregister {
    pub(crate) name: Name,
    pub(crate) owner: AnyRef,
}

impl Write for Unregister {
    type Answer = Result<(), RegisterError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.unregister(self.name, &self.owner)
    }
}

pub(crate) struct Join {
    pub(crate) group: Name,
    pub(crate) member: AnyRef,
}

impl Write for Join {
    type Answer = Result<(), GroupError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.join(self.group, self.member)
    }
}

pub(crate) struct Leave {
    pub(crate) group: Name,
    pub(crate) member: AnyRef,
}

impl Write for Leave {
    type Answer = Result<(), GroupError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.leave(self.group, &self.member)
    }
}

pub(crate) struct Provide(pub(crate) Provided);

impl Write for Provide {
    type Answer = Result<(), ServiceError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.provide(self.0)
    }
}

pub(crate) struct Withdraw {
    pub(crate) key: KeyId,
    pub(crate) owner: AnyRef,
}

impl Write for Withdraw {
    type Answer = Result<(), ServiceError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.withdraw(self.key, &self.owner)
    }
}

pub(crate) struct Watch<F> {
    pub(crate) what: Watched,
    pub(crate) watcher: Port<RegistryEvent>,
    pub(crate) read: F,
}

impl<F, T> Write for Watch<F>
where
    F: FnOnce(&Snapshot) -> T + Send + 'static,
    T: Send + 'static,
{
    type Answer = Result<(Subscription, T), WatchError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        let id = table.watch(self.what, self.watcher)?;
        Ok((id, (self.read)(&table.snapshot)))
    }
}

pub(crate) struct Unwatch(pub(crate) Subscription);

impl Write for Unwatch {
    type Answer = Result<(), WatchError>;

    fn write(self, table: &mut Table) -> Self::Answer {
        table.unwatch(self.0)
    }
}
