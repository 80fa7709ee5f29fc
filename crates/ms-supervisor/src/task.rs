//! Supervised async tasks: any `Fn() -> Future`, run by an actor of its own.
//!
//! A task is a child like any other: visible in the tree before it can fail,
//! restarted by policy, stopped with its supervisor. Its future lives inside its
//! actor, so nothing of it is left when the actor ends: that is its cancellation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix::fut::ActorFutureExt;
use actix::{Actor, ActorContext, AsyncContext, WrapFuture};
use ms_actor::host::Blueprint;
use ms_actor::{Context, MailboxSpec, StartError};
use ms_core::ExitReason;
use ms_core::view::Tier;

use crate::spec::ChildSpec;

type Run = Pin<Box<dyn Future<Output = Result<(), ExitReason>>>>;

/// The actor that runs one task.
pub(crate) struct TaskActor {
    run: Arc<dyn Fn() -> Run + Send + Sync>,
}

impl Actor for TaskActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let run = (self.run)();
        // Not `ctx.wait`: what `started` waits for is part of the init (K9), and the start would
        // last as long as the task.
        ctx.spawn(run.into_actor(self).map(|outcome, _, ctx| match outcome {
            Ok(()) => ctx.stop(),
            Err(reason) => ctx.exit_with(reason),
        }));
    }
}

impl ChildSpec {
    /// Makes a supervised async task: `task` is called for every start, and its future run to its
    /// end. `Ok` is a normal end, `Err` a failure that keeps the error's sources; a panic is a
    /// panic.
    ///
    /// ```
    /// use ms_core::Restart;
    /// use ms_supervisor::ChildSpec;
    /// let poller = ChildSpec::task("poller", || async {
    ///     // ... poll something ...
    ///     Ok::<(), std::io::Error>(())
    /// })
    /// .restart(Restart::Transient);
    /// ```
    pub fn task<F, E>(id: impl AsRef<str>, task: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: std::error::Error + 'static,
    {
        let run: Arc<dyn Fn() -> Run + Send + Sync> = Arc::new(move || {
            let task = task();
            Box::pin(async move { task.await.map_err(|error| ExitReason::from_error(&error)) })
        });
        let factory = move |_: &_| Ok::<_, StartError>(TaskActor { run: Arc::clone(&run) });
        // A task takes no messages but control.
        let blueprint =
            Blueprint::with_view(factory, Tier::Task, None).mailbox(MailboxSpec::bounded(1));
        Self::blueprint(id, blueprint)
    }
}
