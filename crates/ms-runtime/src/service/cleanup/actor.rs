//! The actor `cleanup`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, Handler, Message, ResponseActFuture, WrapFuture};
use ms_actor::{Context, Node, StateValue};
use ms_core::time::later;
use tokio::time::Instant;

use super::run::{in_order, on_a_thread, run_one};
use super::{CleanupHandler, CleanupReport};

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct CleanupArgs {
    pub(crate) handlers: Vec<Arc<dyn CleanupHandler>>,
    /// How long one handler may take.
    pub(crate) each: Duration,
    /// The node whose open resources are listed.
    pub(crate) node: Node,
}

/// Runs the cleanup handlers, and lists what is open.
pub(crate) struct CleanupActor {
    handlers: Vec<Arc<dyn CleanupHandler>>,
    each: Duration,
    node: Node,
}

impl CleanupActor {
    pub(crate) fn new(args: CleanupArgs) -> Self {
        let CleanupArgs { handlers, each, node } = args;
        Self { handlers: in_order(handlers), each, node }
    }

    pub(crate) fn view(&self) -> StateValue {
        let handlers = self.handlers.iter().map(|handler| StateValue::from(handler.name()));
        let open = self.node.resources().list().into_iter().map(StateValue::from);
        StateValue::map([
            ("handlers", StateValue::list(handlers)),
            ("resources", StateValue::list(open)),
        ])
    }
}

impl Actor for CleanupActor {
    type Context = Context<Self>;
}

/// Runs all handlers within this time.
#[derive(Debug)]
pub(crate) struct RunCleanup {
    pub(crate) within: Duration,
}

impl Message for RunCleanup {
    type Result = CleanupReport;
}

impl Handler<RunCleanup> for CleanupActor {
    type Result = ResponseActFuture<Self, CleanupReport>;

    fn handle(&mut self, order: RunCleanup, _: &mut Self::Context) -> Self::Result {
        let (handlers, each, node) = (self.handlers.clone(), self.each, self.node.clone());
        let run = async move {
            let until = later(Instant::now(), order.within);
            let mut outcomes = Vec::with_capacity(handlers.len());
            for handler in &handlers {
                let within = each.min(until.saturating_duration_since(Instant::now()));
                // Under virtual time (tests) the clock stands still while a thread works: the limit
                // of a handler on a thread would never come.
                let outcome = match node.config().virtual_time {
                    true => run_one(&**handler, within).await,
                    false => on_a_thread(Arc::clone(handler), within).await,
                };
                tracing::info!(handler = handler.name(), ?outcome, "cleanup");
                outcomes.push((handler.name().to_owned(), outcome));
            }
            CleanupReport { handlers: outcomes, leaked: node.resources().left_by_actors() }
        };
        Box::pin(run.into_actor(self).map(|report, _, _| report))
    }
}

impl fmt::Debug for CleanupActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanupActor").field("each", &self.each).finish_non_exhaustive()
    }
}
