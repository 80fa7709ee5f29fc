//! The actor that saves the states of components.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Handler, MessageResult,
    Running, WrapFuture,
};
use futures_util::FutureExt;
use futures_util::future::{join_all, ready};
use ms_actor::{AskError, Context, LifeChange, LifecycleEvent, Node, Port, StateValue, unix_ms};
use ms_core::view::EventKind;
use ms_core::{ActorPath, ErrorChain};
use tokio::task::spawn_blocking;

use crate::error::{ExtractError, SaveError};
use crate::messages::{Extract, Extracted, Put, Register, SaveAll, SnapshotStatus, Status, Tick};
use crate::store::{SaveReport, Store};

/// Longest wait for the state of a component.
const EXTRACT_DEADLINE: Duration = Duration::from_secs(2);
/// Largest number of components.
const MAX_COMPONENTS: usize = 10_000;

/// The actor that saves the states of components, periodically and when it is asked to.
pub struct SnapshotActor {
    store: Arc<Store>,
    every: Option<Duration>,
    components: HashMap<ActorPath, Port<Extract>>,
    /// States of components that have stopped, until they start again.
    put: HashMap<ActorPath, Extracted>,
    status: SnapshotStatus,
    /// Whether the last save of an orderly stop has begun.
    ended: bool,
}

impl SnapshotActor {
    pub(crate) fn new(store: Arc<Store>, every: Option<Duration>) -> Self {
        Self {
            store,
            every,
            components: HashMap::new(),
            put: HashMap::new(),
            status: SnapshotStatus::default(),
            ended: false,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let SnapshotStatus { sequence, saves, failures, degraded } = &self.status;
        StateValue::map([
            ("components", (self.components.len() as u64).into()),
            ("sequence", (*sequence).into()),
            ("saves", (*saves).into()),
            ("failures", (*failures).into()),
            ("degraded", degraded.as_deref().map(StateValue::from).into()),
        ])
    }

    /// Asks all living components at once, and then writes on a blocking thread.
    fn save(&self) -> impl Future<Output = Result<SaveReport, SaveError>> + use<> {
        let store = Arc::clone(&self.store);
        let asked = self.components.iter().map(|(id, port)| {
            let id = id.clone();
            // Checked first: a mailbox that is kept while its actor is down takes the message, and
            // the whole save would wait for the deadline.
            match port.down() {
                Some(reason) => ready((id, Err(ExtractError::Down(reason)))).left_future(),
                None => port
                    .ask(Extract, EXTRACT_DEADLINE)
                    .map(|answer| (id, flatten(answer)))
                    .right_future(),
            }
        });
        let asked = join_all(asked);
        let mut put = self.put.clone();
        async move {
            let (mut items, mut failed) = (Vec::new(), Vec::new());
            for (id, answer) in asked.await {
                match (answer, put.remove(&id)) {
                    // A component that has stopped cannot answer; it has handed its state over
                    // before.
                    (Ok(state), _) | (Err(_), Some(state)) => items.push(state.into_item(id)),
                    (Err(source), None) => {
                        failed.push((id.clone(), SaveError::NotExtracted { id, source }));
                    }
                }
            }
            items.extend(put.into_iter().map(|(id, state)| state.into_item(id)));
            let saved = spawn_blocking(move || store.save(&items, unix_ms())).await;
            let mut report = saved.map_err(|error| SaveError::Aborted(error.into()))??;
            report.failed.extend(failed);
            Ok(report)
        }
    }

    /// Records, logs and publishes the result of a save.
    fn saved(
        &mut self,
        result: Result<SaveReport, SaveError>,
        ctx: &Context<Self>,
    ) -> Result<Arc<SaveReport>, Arc<SaveError>> {
        let problem = match &result {
            Ok(report) => {
                self.status.saves += 1;
                self.status.sequence = report.sequence;
                let line = |(id, error): &(ActorPath, SaveError)| {
                    format!("{id}: {}", ErrorChain::from_error(error))
                };
                let lines: Vec<String> = report.failed.iter().map(line).collect();
                (!lines.is_empty()).then(|| lines.join("; "))
            }
            // Not a problem: before the first component has registered there is nothing.
            Err(SaveError::Nothing) => None,
            Err(error) => Some(ErrorChain::from_error(error).to_string()),
        };
        if let Some(text) = &problem {
            self.status.failures += 1;
            note(ctx.node(), ctx.path(), "snapshot_failed", text.clone());
        }
        self.status.degraded = problem;
        result.map(Arc::new).map_err(Arc::new)
    }

    /// Schedules the next periodic save.
    fn tick(&self, ctx: &mut Context<Self>) {
        if let Some(every) = self.every {
            ctx.notify_later(Tick, every);
        }
    }
}

fn flatten(
    answer: Result<Result<Extracted, ExtractError>, AskError<Extract>>,
) -> Result<Extracted, ExtractError> {
    answer.map_err(|error| ExtractError::Unanswered(error.into_failure()))?
}

/// Writes a line to the log, and publishes it as an event of the node.
pub(crate) fn note(node: &Node, path: &ActorPath, topic: &str, text: String) {
    tracing::warn!(target: "ms_snapshot::audit", topic, actor = %path, "{text}");
    node.publish(EventKind::Noted { path: path.clone(), topic: topic.to_owned(), text });
}

impl Actor for SnapshotActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }

    // The components have stopped before this actor and have handed over their states, so the save
    // of the stop is made here and not by a message that a stopping actor would not get.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if self.ended {
            return Running::Stop;
        }
        self.ended = true;
        let save = self.save().into_actor(self);
        ctx.wait(save.map(|result, actor, ctx| {
            drop(actor.saved(result, ctx));
            ctx.stop();
        }));
        Running::Continue
    }
}

impl Handler<Register> for SnapshotActor {
    type Result = ();

    fn handle(&mut self, Register(port): Register, ctx: &mut Self::Context) {
        let path = port.path();
        if self.components.len() >= MAX_COMPONENTS && !self.components.contains_key(&path) {
            let text =
                format!("{path} is not saved: the limit of {MAX_COMPONENTS} components is reached");
            note(ctx.node(), ctx.path(), "snapshot_failed", text);
            return;
        }
        ctx.follow(&port.any());
        // The component runs again, so the state it handed over at its last stop is outdated.
        self.put.remove(&path);
        self.components.insert(path, port);
    }
}

impl Handler<Put> for SnapshotActor {
    type Result = ();

    fn handle(&mut self, Put(path, state): Put, _: &mut Self::Context) {
        if self.put.len() < MAX_COMPONENTS || self.put.contains_key(&path) {
            self.put.insert(path, state);
        }
    }
}

impl Handler<LifecycleEvent> for SnapshotActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        if matches!(event.change, LifeChange::Gone(_)) {
            self.components.remove(event.of.path());
        }
    }
}

// Atomic: one save at a time. Two at once would take the same sequence.
impl Handler<SaveAll> for SnapshotActor {
    type Result = AtomicResponse<Self, Result<Arc<SaveReport>, Arc<SaveError>>>;

    fn handle(&mut self, _: SaveAll, _: &mut Self::Context) -> Self::Result {
        let save = self.save().into_actor(self);
        AtomicResponse::new(Box::pin(save.map(|result, actor, ctx| actor.saved(result, ctx))))
    }
}

impl Handler<Tick> for SnapshotActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Tick, _: &mut Self::Context) -> Self::Result {
        let save = self.save().into_actor(self);
        AtomicResponse::new(Box::pin(save.map(|result, actor, ctx| {
            drop(actor.saved(result, ctx));
            // After the save: a disk that is slow is not asked for the next one meanwhile.
            actor.tick(ctx);
        })))
    }
}

impl Handler<Status> for SnapshotActor {
    type Result = MessageResult<Status>;

    fn handle(&mut self, _: Status, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status.clone())
    }
}
