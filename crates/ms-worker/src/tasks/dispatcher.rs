//! The dispatcher: takes tasks from the store to agents, and their outcomes back.
//!
//! Claims are in `claiming.rs`, tasks given to agents and their answers in `giving.rs`, timers in
//! `sweeps.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, ResponseFuture, Running, SpawnHandle, WrapFuture};
use ms_actor::{Context, LogLimit, StateValue};
use ms_core::task::{FencingToken, StoreError, TaskId};
use ms_core::{ActorPath, Tick};
use ms_task::{Board, Claims};
use tokio::sync::watch;

use super::messages::{DispatcherSpec, Join, Member, StopWork, TouchStore, Wake};
use super::perform::Orders;
use super::vigil::Vigil;

/// Most outcomes on their way to the store; while there are more, nothing is claimed. A store that
/// takes small requests and no large ones would have results pile up in memory.
pub(super) const MAX_REPORTS: usize = 4_096;
/// A store that is away would be logged several times a second, and its health says it as well.
pub(super) static STORE_FAILS: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Takes durable tasks to agents. Part of [`Tasks::child`](super::Tasks::child).
pub struct Dispatcher {
    pub(super) spec: DispatcherSpec,
    pub(super) board: Board,
    pub(super) agents: HashMap<ActorPath, Member>,
    pub(super) running: HashMap<TaskId, (FencingToken, watch::Sender<Orders>)>,
    pub(super) claims: Claims,
    pub(super) alarm: Option<SpawnHandle>,
    pub(super) sweeps: Sweeps,
    /// Set when it starts.
    pub(super) vigil: Option<Vigil>,
    /// Outcomes that are not written yet.
    pub(super) reports: usize,
    /// Tasks whose outcome the store refused to take for now.
    pub(super) refused: Rc<RefCell<HashSet<TaskId>>>,
    pub(super) ending: bool,
    /// The tasks in hand took too long to come back.
    pub(super) gave_up: bool,
    pub(super) given: u64,
    pub(super) crashes: u64,
    /// Times it has looked for something to do.
    pub(super) looks: u64,
}

/// The plan for the next sweep of the store.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    pub(super) alarm: Option<(Tick, SpawnHandle)>,
    pub(super) under_way: bool,
    /// Something came up during the sweep under way.
    pub(super) soon: bool,
    /// Time that the process had lost by the last sweep.
    pub(super) lost: Duration,
    pub(super) done: u64,
}

impl Dispatcher {
    pub(crate) fn new(spec: DispatcherSpec) -> Self {
        Self {
            board: Board::new(Tick::ZERO),
            spec,
            agents: HashMap::new(),
            running: HashMap::new(),
            claims: Claims::default(),
            alarm: None,
            sweeps: Sweeps::default(),
            vigil: None,
            reports: 0,
            refused: Rc::default(),
            ending: false,
            gave_up: false,
            given: 0,
            crashes: 0,
            looks: 0,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let (agents, busy) = self.board.agents();
        let mut routes = BTreeMap::<_, u64>::new();
        for member in self.agents.values() {
            *routes.entry(member.kind.to_string()).or_default() += 1;
        }
        let routes = routes.into_iter().map(|(kind, agents)| (kind, StateValue::from(agents)));
        StateValue::map([
            ("agents", StateValue::from(agents as u64)),
            ("busy", StateValue::from(busy as u64)),
            ("given", StateValue::from(self.given)),
            ("crashes", StateValue::from(self.crashes)),
            ("looks", StateValue::from(self.looks)),
            ("sweeps", StateValue::from(self.sweeps.done)),
            ("outcomes_to_write", StateValue::from(self.reports as u64)),
            // Which kind of task goes to how many agents.
            ("routes", StateValue::map(routes)),
        ])
    }

    /// Notes that a request to the store was not carried out.
    pub(super) fn doubt(&self) {
        self.vigil.iter().for_each(Vigil::doubt);
    }

    pub(super) fn vigil(&self) -> Option<&Vigil> {
        self.vigil.as_ref()
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.board = Board::new(ctx.node().now());
        self.vigil = Some(Vigil::new(ctx.node().clone(), self.spec.lease));
        self.spec.queues.iter().for_each(|queue| self.board.declare_queue(queue.clone()));
        for (kind, intensity) in &self.spec.pools {
            self.board.declare_pool(kind.clone(), *intensity);
        }
        // Tasks that agents hold were given by an earlier dispatcher, perhaps in an earlier
        // process.
        let why = "the dispatcher or the process it ran in ended".to_owned();
        let take_back = self.spec.store.take_back(why);
        ctx.wait(take_back.into_actor(self).map(|taken, this, ctx| match taken {
            Ok(taken) => {
                if taken > 0 {
                    tracing::info!(
                        taken,
                        "tasks claimed by an earlier run of this node were requeued"
                    );
                }
                this.sweep(ctx);
                this.claim(ctx);
            }
            Err(error) => ctx.fail(error),
        }));
    }

    /// Hands back the tasks in hand and writes their outcomes before the actor stops.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if !self.ending {
            self.end(ctx);
        }
        match self.is_settled() {
            true => Running::Stop,
            false => Running::Continue,
        }
    }
}

impl Handler<Join> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Join { kind, agent, meter }: Join, ctx: &mut Self::Context) {
        self.board.join(&kind, agent.path());
        self.agents.insert(agent.path(), Member { kind, agent, meter });
        self.claim(ctx);
    }
}

impl Handler<Wake> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Wake: Wake, ctx: &mut Self::Context) {
        // The new task may have a deadline, and no agent may be free to take it.
        self.sweep_soon(ctx);
        self.claim(ctx);
    }
}

impl Handler<StopWork> for Dispatcher {
    type Result = ();

    fn handle(&mut self, StopWork(id): StopWork, _: &mut Self::Context) {
        if let Some((_, orders)) = self.running.get(&id) {
            orders.send_replace(Orders::Drop);
        }
    }
}

impl Handler<TouchStore> for Dispatcher {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, TouchStore: TouchStore, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.spec.store.touch())
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
