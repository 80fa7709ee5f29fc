//! ractor 0.16: one message enum for each actor, replies through `RpcReplyPort`. A supervisor is an
//! actor that implements its own strategy in `handle_supervisor_evt`.

use ::ractor::{
    Actor, ActorProcessingErr, ActorRef, ActorRuntime, RpcReplyPort, SupervisionEvent, call, pg,
    registry,
};

use super::tokio_rt::{self, Side};
use crate::peer::{Alive, DONE, Names, Peer, Populates, Publishes, Ring, Skynet, Supervises};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, mass_restart, names, publish};
use crate::workloads::{restart, ring, skynet, spawn, tell};

pub(crate) fn run(job: Job) -> Sample {
    match job {
        Job::Tell(size) => tell::measure::<Ractor>(size),
        Job::Ask(size) => ask::measure::<Ractor>(size),
        Job::Ring(size) => ring::measure::<Ractor>(size),
        Job::Skynet(size) => skynet::measure::<Ractor>(size),
        Job::Spawn(size) => spawn::measure::<Ractor>(size),
        Job::Idle(size) => idle::measure::<Ractor>(size),
        Job::FanOut(size) => fan_out::measure::<Ractor>(size),
        Job::Restart(size) => restart::measure::<Ractor>(size)
            .map(|sample| sample.note("found again by its name: a reference ends with its actor")),
        Job::MassRestart(size) => mass_restart::measure::<Ractor>(size)
            .map(|sample| sample.note("has no one_for_all: its supervisor stops and starts all")),
        Job::Names(size) => names::measure::<Ractor>(size),
        Job::Publish(size) => publish::measure::<Ractor>(size)
            .map(|sample| sample.note("members of a group: its `OutputPort` loses messages")),
        Job::Heartbeats(_) => Err(NoFigure::lacks("has no heartbeats")),
        Job::Tree(_) => Err(NoFigure::lacks("has no view of its tree for other processes")),
    }
}

struct Ractor {
    side: Side,
    supervisor: ActorRef<()>,
}

/// Keeps children and ignores failures.
struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    // By default a supervisor of ractor ends with the first child that ends.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        _: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

enum Order {
    Add(u64),
    Get(RpcReplyPort<u64>),
    Link(ActorRef<Order>),
    Hop(u64),
}

struct Counter;

#[derive(Default)]
struct Count {
    count: u64,
    next: Option<ActorRef<Order>>,
}

impl Actor for Counter {
    type Msg = Order;
    type State = Count;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Order>, (): ()) -> Result<Count, ActorProcessingErr> {
        Ok(Count::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Order>,
        order: Order,
        state: &mut Count,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Add(n) => {
                std::hint::black_box(n);
                state.count += 1;
            }
            Order::Get(reply) => reply.send(state.count)?,
            Order::Link(next) => state.next = Some(next),
            Order::Hop(left) => {
                state.count += 1;
                match &state.next {
                    Some(next) if left > 0 => next.cast(Order::Hop(left - 1))?,
                    _ => DONE.notify_one(),
                }
            }
        }
        Ok(())
    }
}

impl Ractor {
    async fn counter_named(&self, name: Option<String>) -> ActorRef<Order> {
        let supervisor = self.supervisor.get_cell();
        let start = async move {
            Actor::spawn_linked(name, Counter, (), supervisor).await.expect("starts").0
        };
        self.side.there(start).await
    }
}

impl Peer for Ractor {
    type Counter = ActorRef<Order>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        tokio_rt::run(threads, async |side| {
            let (supervisor, _) = Actor::spawn(None, Supervisor, ()).await.expect("starts");
            work(&Self { side, supervisor }).await
        })
    }

    async fn counter(&self) -> ActorRef<Order> {
        self.counter_named(None).await
    }

    async fn tell(counter: &ActorRef<Order>, n: u64) {
        counter.cast(Order::Add(n)).expect("sent");
    }

    async fn ask(counter: &ActorRef<Order>) -> u64 {
        call!(counter, Order::Get).expect("answers")
    }
}

impl Ring for Ractor {
    async fn link(counter: &ActorRef<Order>, next: ActorRef<Order>) {
        counter.cast(Order::Link(next)).expect("sent");
    }

    async fn hop(counter: &ActorRef<Order>, hops: u64) {
        counter.cast(Order::Hop(hops)).expect("sent");
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = Alive;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<Alive, ActorProcessingErr> {
        Ok(Alive::new())
    }
}

impl Populates for Ractor {
    /// A supervised actor is kept alive by its supervisor.
    type Idle = Option<ActorRef<()>>;

    async fn start(&self, supervised: bool) -> Option<ActorRef<()>> {
        if supervised {
            let supervisor = self.supervisor.get_cell();
            Actor::spawn_linked(None, Idle, (), supervisor).await.expect("starts");
            return None;
        }
        Some(Actor::spawn(None, Idle, ()).await.expect("starts").0)
    }

    async fn stop(&self, idle: Vec<Option<ActorRef<()>>>, supervised: bool) {
        if supervised {
            self.supervisor.stop(None);
        }
        idle.into_iter().flatten().for_each(|actor| actor.stop(None));
    }
}

/// A node of the skynet tree.
struct Branch;

struct Node {
    above: ActorRef<u64>,
    missing: u8,
    sum: u64,
}

impl Actor for Branch {
    type Msg = u64;
    type State = Node;
    type Arguments = (ActorRef<u64>, u64, u64);

    async fn pre_start(
        &self,
        me: ActorRef<u64>,
        (above, number, size): Self::Arguments,
    ) -> Result<Node, ActorProcessingErr> {
        if size == 1 {
            above.cast(number)?;
            me.stop(None);
        } else {
            let below = size / 10;
            for at in 0..10 {
                // Not awaited: the start of a node would wait for all nodes below it.
                ActorRuntime::spawn_instant(None, Self, (me.clone(), number + at * below, below))?;
            }
        }
        Ok(Node { above, missing: 10, sum: 0 })
    }

    async fn handle(
        &self,
        me: ActorRef<u64>,
        sum: u64,
        node: &mut Node,
    ) -> Result<(), ActorProcessingErr> {
        node.sum += sum;
        node.missing -= 1;
        if node.missing == 0 {
            node.above.cast(node.sum)?;
            me.stop(None);
        }
        Ok(())
    }
}

/// Takes the answer of the root.
struct Top;

impl Actor for Top {
    type Msg = u64;
    type State = Option<tokio::sync::oneshot::Sender<u64>>;
    type Arguments = tokio::sync::oneshot::Sender<u64>;

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        answer: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Some(answer))
    }

    async fn handle(
        &self,
        me: ActorRef<u64>,
        sum: u64,
        answer: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        answer.take().into_iter().for_each(|root| crate::peer::answer(root, sum));
        me.stop(None);
        Ok(())
    }
}

impl Skynet for Ractor {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (answer, root) = tokio::sync::oneshot::channel();
        let (top, _) = Actor::spawn(None, Top, answer).await.expect("starts");
        ActorRuntime::spawn_instant(None, Branch, (top, 0, leaves)).expect("starts");
        root.await.expect("the root answers")
    }
}

enum Task {
    Answer(RpcReplyPort<u64>),
    Crash,
}

struct Fragile;

impl Actor for Fragile {
    type Msg = Task;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Task>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Task>,
        task: Task,
        answered: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match task {
            Task::Answer(reply) => {
                *answered += 1;
                Ok(reply.send(*answered - 1)?)
            }
            Task::Crash => panic!("as it is told"),
        }
    }
}

/// Restarts its children under their names.
struct Family {
    one_for_all: bool,
}

impl Actor for Family {
    type Msg = ();
    type State = Vec<String>;
    type Arguments = Vec<String>;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        names: Vec<String>,
    ) -> Result<Vec<String>, ActorProcessingErr> {
        for name in &names {
            Actor::spawn_linked(Some(name.clone()), Fragile, (), me.get_cell()).await?;
        }
        Ok(names)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        names: &mut Vec<String>,
    ) -> Result<(), ActorProcessingErr> {
        // A child that the supervisor stops reports `ActorTerminated`; its successor is started
        // below.
        let SupervisionEvent::ActorFailed(failed, _) = event else { return Ok(()) };
        if !self.one_for_all {
            Actor::spawn_linked(failed.get_name(), Fragile, (), me.get_cell()).await?;
            return Ok(());
        }
        me.stop_children_and_wait(None, None).await;
        for name in names {
            Actor::spawn_linked(Some(name.clone()), Fragile, (), me.get_cell()).await?;
        }
        Ok(())
    }
}

impl Supervises for Ractor {
    type Child = String;

    async fn family(&self, children: u64, one_for_all: bool) -> Vec<String> {
        let names: Vec<String> = (0..children).map(|n| format!("child-{n}")).collect();
        Actor::spawn(None, Family { one_for_all }, names.clone()).await.expect("starts");
        names
    }

    async fn crash(&self, child: &String) {
        let child = ActorRef::<Task>::where_is(child.as_str()).expect("is up");
        child.cast(Task::Crash).expect("sent");
    }

    async fn try_ask(&self, child: &String) -> Option<u64> {
        let child = ActorRef::<Task>::where_is(child.as_str())?;
        call!(child, Task::Answer).ok()
    }
}

impl Names for Ractor {
    async fn register(&self, names: &[String]) {
        for name in names {
            self.counter_named(Some(name.clone())).await;
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static {
        |name| {
            let found = registry::where_is(name);
            found.map(ActorRef::<Order>::from).is_some()
        }
    }
}

impl Publishes for Ractor {
    type Topic = String;

    async fn subscribe(&self, counters: &[ActorRef<Order>]) -> String {
        let members = counters.iter().map(ActorRef::get_cell).collect();
        pg::join("adds".to_owned(), members);
        "adds".to_owned()
    }

    async fn publish(&self, topic: &String, n: u64) {
        for member in pg::get_members(topic) {
            member.send_message(Order::Add(n)).expect("sent");
        }
    }
}
