//! A handle for one message type.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_core::{ActorPath, ExitReason};

use crate::cell::hosted::{Accepts, Hosted};
use crate::error::{AskError, SendError};
use crate::refs::any::AnyRef;
use crate::refs::handle::Ref;

/// A future of an answer, boxed: what a [`Port`] gives.
pub type PortFuture<M> =
    Pin<Box<dyn Future<Output = Result<<M as Message>::Result, AskError<M>>> + Send>>;

/// A handle for one message type: what actix calls a recipient, but valid over restarts.
pub struct Port<M: Message>(Arc<dyn AnyPort<M>>);

impl<M: Message + Send + 'static> Port<M>
where
    M::Result: Send,
{
    /// Sends without waiting, as [`Ref::try_tell`] does.
    ///
    /// # Errors
    /// [`SendError`], with the message: the mailbox is full, or the actor takes no messages.
    pub fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_tell(message)
    }

    /// Sends and waits for room at most `within`, as [`Ref::tell`] does.
    ///
    /// # Errors
    /// [`SendError`], with the message: full, closed, or no room in time.
    pub async fn tell(&self, message: M, within: Duration) -> Result<(), SendError<M>> {
        self.0.tell(message, within).await
    }

    /// Sends and waits for the answer at most `within`, as [`Ref::ask`] does.
    pub fn ask(&self, message: M, within: Duration) -> PortFuture<M> {
        self.0.ask(message, within)
    }
}

impl<M: Message> Port<M> {
    /// Returns the actor behind it.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        self.0.any()
    }

    /// Returns where the actor lives.
    #[must_use]
    pub fn path(&self) -> ActorPath {
        self.any().path().clone()
    }

    /// Returns how many messages wait for the actor; `None` where that is not knowable.
    #[must_use]
    pub fn depth(&self) -> Option<u64> {
        self.any().depth()
    }

    /// Returns why its last incarnation ended, if it is down.
    #[must_use]
    pub fn down(&self) -> Option<ExitReason> {
        let any = self.any();
        (!any.is_alive()).then(|| any.last_exit().unwrap_or(ExitReason::NoProc))
    }
}

impl<M: Message> Clone for Port<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> fmt::Debug for Port<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port<{}>({})", type_name::<M>(), self.path())
    }
}

type TellFuture<M> = Pin<Box<dyn Future<Output = Result<(), SendError<M>>> + Send>>;

trait AnyPort<M: Message>: Send + Sync {
    fn try_tell(&self, message: M) -> Result<(), SendError<M>>;
    fn tell(&self, message: M, within: Duration) -> TellFuture<M>;
    fn ask(&self, message: M, within: Duration) -> PortFuture<M>;
    fn any(&self) -> AnyRef;
}

struct PortOf<A: Hosted>(Ref<A>);

impl<A, M> AnyPort<M> for PortOf<A>
where
    A: Hosted,
    A::Context: Accepts<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_tell(message)
    }

    fn tell(&self, message: M, within: Duration) -> TellFuture<M> {
        Box::pin(self.0.tell(message).within(within))
    }

    fn ask(&self, message: M, within: Duration) -> PortFuture<M> {
        Box::pin(self.0.ask(message).within(within))
    }

    fn any(&self) -> AnyRef {
        self.0.any()
    }
}

impl<A: Hosted> Ref<A> {
    /// Makes a handle for one message type, whatever the actor's type.
    #[must_use]
    pub fn port<M: Message + Send + 'static>(&self) -> Port<M>
    where
        A::Context: Accepts<A, M>,
        M::Result: Send,
    {
        Port(Arc::new(PortOf(self.clone())))
    }
}
