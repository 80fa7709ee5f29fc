//! The actor that saves, and the handle through which components reach it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Handler, Message, Running,
    WrapFuture,
};
use futures_util::FutureExt;
use futures_util::future::{join_all, ready};
use ms_actor::host::Blueprint;
use ms_actor::{
    AskError, Context, Hosted, LifeChange, LifecycleEvent, Node, Port, Ref, StateValue, unix_ms,
};
use ms_core::view::EventKind;
use ms_core::{ActorPath, Incarnation};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::error::{RestoreError, SaveError};
use crate::persist::{Persist, decode, encode};
use crate::store::{Item, SaveReport, Store};

/// Longest wait for a component's state.
const EXTRACT_WITHIN: Duration = Duration::from_secs(2);
/// Longest reading at a component's start.
const RESTORE_WITHIN: Duration = Duration::from_secs(10);
/// Longest wait of a component that hands its state over.
const PUT_WITHIN: Duration = Duration::from_secs(5);
/// Most components.
const MAX_COMPONENTS: usize = 10_000;

/// Asks a component for its state.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Extracted, String>")]
pub struct Extract;

/// A component's state, in clear.
#[derive(Clone)]
pub struct Extracted {
    schema: u32,
    incarnation: Incarnation,
    state: Zeroizing<Vec<u8>>,
}

impl Extracted {
    /// What a component answers to [`Extract`].
    ///
    /// # Errors
    /// Its state does not serialise.
    pub fn of<P: Persist>(component: &P, incarnation: Incarnation) -> Result<Self, String> {
        let state = Zeroizing::new(encode(component).map_err(|error| error.to_string())?);
        Ok(Self { schema: P::SCHEMA, incarnation, state })
    }

    fn item(self, id: ActorPath) -> Item {
        Item { id, incarnation: self.incarnation.0, schema: self.schema, state: self.state }
    }
}

impl std::fmt::Debug for Extracted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extracted({}, schema {}, [redacted])", self.incarnation, self.schema)
    }
}

/// From now on this component is asked for its state at every save.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Register(pub Port<Extract>);

/// A component's last word before it stops: the next save has it, though nobody is
/// there to be asked.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Put(pub ActorPath, pub Extracted);

/// Saves all components now; answers when it is on disk.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Arc<SaveReport>, Arc<SaveError>>")]
pub struct SaveAll;

/// How saving is doing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "SnapshotStatus")]
pub struct Status;

/// Answer to [`Status`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Sequence of the last save that counts.
    pub sequence: u64,
    /// Saves since the start.
    pub saves: u64,
    /// Saves since the start that failed in whole or in part.
    pub failures: u64,
    /// What went wrong with the last save; `None` when it was good. Something here is
    /// "degraded": work goes on in memory.
    pub degraded: Option<String>,
}

/// Saves the states of components.
pub struct SnapshotActor {
    store: Arc<Store>,
    every: Option<Duration>,
    components: HashMap<ActorPath, Port<Extract>>,
    /// Last words, until the component lives again.
    put: HashMap<ActorPath, Extracted>,
    status: SnapshotStatus,
    /// The last save of an orderly stop is done.
    ended: bool,
}

impl SnapshotActor {
    fn view(&self) -> StateValue {
        let SnapshotStatus { sequence, saves, failures, degraded } = &self.status;
        StateValue::map([
            ("components", (self.components.len() as u64).into()),
            ("sequence", (*sequence).into()),
            ("saves", (*saves).into()),
            ("failures", (*failures).into()),
            ("degraded", degraded.as_deref().map(StateValue::from).into()),
        ])
    }

    /// Asks all living components at once; then writes, off the arbiter.
    fn save(&self) -> impl Future<Output = Result<SaveReport, SaveError>> + use<> {
        let store = Arc::clone(&self.store);
        let asked = self.components.iter().map(|(id, port)| {
            let id = id.clone();
            // A mailbox that is kept while its actor is down would only let us wait.
            match port.down() {
                Some(reason) => ready((id, Err(format!("it is down: {reason}")))).left_future(),
                None => port
                    .ask(Extract, EXTRACT_WITHIN)
                    .map(|answer| (id, flat(answer)))
                    .right_future(),
            }
        });
        let asked = join_all(asked);
        let mut put = self.put.clone();
        async move {
            let (mut items, mut failed) = (Vec::new(), Vec::new());
            for (id, answer) in asked.await {
                match (answer, put.remove(&id)) {
                    (Ok(state), _) | (Err(_), Some(state)) => items.push(state.item(id)),
                    (Err(why), None) => {
                        failed.push((id.clone(), SaveError::NotExtracted { id, why }));
                    }
                }
            }
            items.extend(put.into_iter().map(|(id, state)| state.item(id)));
            let saved = spawn_blocking(move || store.save(&items, unix_ms())).await;
            let mut report = saved.map_err(|error| SaveError::Broken(error.to_string()))??;
            report.failed.extend(failed);
            Ok(report)
        }
    }

    fn saved(
        &mut self,
        result: Result<SaveReport, SaveError>,
        ctx: &Context<Self>,
    ) -> Result<Arc<SaveReport>, Arc<SaveError>> {
        let problem = match &result {
            Ok(report) => {
                self.status.saves += 1;
                self.status.sequence = report.sequence;
                let told = report.failed.iter().map(|(id, error)| format!("{id}: {error}"));
                let told: Vec<String> = told.collect();
                (!told.is_empty()).then(|| told.join("; "))
            }
            Err(SaveError::Nothing) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(text) = &problem {
            self.status.failures += 1;
            note(ctx.node(), ctx.path(), "snapshot_failed", text.clone());
        }
        self.status.degraded = problem;
        result.map(Arc::new).map_err(Arc::new)
    }

    fn tick(&self, ctx: &mut Context<Self>) {
        if let Some(every) = self.every {
            ctx.notify_later(Tick, every);
        }
    }
}

fn flat(answer: Result<Result<Extracted, String>, AskError<Extract>>) -> Result<Extracted, String> {
    answer.map_err(|error| error.to_string())?
}

/// To the log and to the node's events.
fn note(node: &Node, path: &ActorPath, topic: &str, text: String) {
    tracing::warn!(target: "ms_snapshot::audit", topic, actor = %path, "{text}");
    node.publish(EventKind::Noted { path: path.clone(), topic: topic.to_owned(), text });
}

#[derive(Message)]
#[rtype(result = "()")]
struct Tick;

impl Actor for SnapshotActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }

    /// The components have stopped before this actor and have left their last words.
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
            let text = format!("{path} is not saved: there are {MAX_COMPONENTS} components");
            note(ctx.node(), ctx.path(), "snapshot_failed", text);
            return;
        }
        ctx.follow(&port.any());
        // It lives again: what it said at its last end is old.
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

    fn handle(&mut self, news: LifecycleEvent, _: &mut Self::Context) {
        if matches!(news.change, LifeChange::Gone(_)) {
            self.components.remove(news.of.path());
        }
    }
}

// One save at a time: what is asked meanwhile waits in the mailbox.
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
            actor.tick(ctx);
        })))
    }
}

impl Handler<Status> for SnapshotActor {
    type Result = actix::MessageResult<Status>;

    fn handle(&mut self, _: Status, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.status.clone())
    }
}

/// A component's way to its snapshots. Cheap to clone; part of an agent's arguments.
#[derive(Debug, Clone)]
pub struct Snapshots {
    store: Arc<Store>,
    every: Option<Duration>,
}

impl Snapshots {
    /// Over an open store; the actor saves by itself every `every`, or only when told.
    #[must_use]
    pub fn new(store: Store, every: Option<Duration>) -> Self {
        Self { store: Arc::new(store), every }
    }

    /// How the saving actor is made; give it to a supervisor, once, before the
    /// components: it is stopped after them then and can save their last words.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let this = self.clone();
        let factory = move |_: &_| {
            Ok(SnapshotActor {
                store: Arc::clone(&this.store),
                every: this.every,
                components: HashMap::new(),
                put: HashMap::new(),
                status: SnapshotStatus::default(),
                ended: false,
            })
        };
        let tier = <SnapshotActor as Hosted>::TIER;
        Blueprint::with_view(factory, tier, Some(SnapshotActor::view))
    }

    /// The newest good state of the component at `id`, brought up to its schema. `None`
    /// when there is none. What was found wrong on the way is logged and published.
    ///
    /// Reads by itself, off the arbiters: a start never waits for a save.
    ///
    /// # Errors
    /// [`RestoreError`]; whether the component then starts afresh is its own decision.
    pub async fn restore<P: Persist>(
        &self,
        node: &Node,
        id: &ActorPath,
    ) -> Result<Option<P::State>, RestoreError> {
        let (store, path) = (Arc::clone(&self.store), id.clone());
        let read = spawn_blocking(move || store.restore(&path));
        let read = timeout(RESTORE_WITHIN, read).await.map_err(|_| RestoreError::TimedOut)?;
        let (found, audit) = read.map_err(std::io::Error::other)??;
        for line in audit {
            note(node, id, "snapshot_refused", line.to_string());
        }
        found.map(|found| decode::<P>(found.schema, &found.state)).transpose()
    }

    /// Hands a component's state over when it stops.
    ///
    /// # Errors
    /// The state does not serialise, or the actor did not take it in time.
    pub async fn put<P: Persist>(
        saver: &Ref<SnapshotActor>,
        id: &ActorPath,
        incarnation: Incarnation,
        component: &P,
    ) -> Result<(), String> {
        let state = Extracted::of(component, incarnation)?;
        let put = saver.ask(Put(id.clone(), state)).within(PUT_WITHIN);
        put.await.map_err(|error| error.to_string())
    }
}
